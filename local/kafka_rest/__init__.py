"""A REST proxy for Kafka: Confluent's v2 produce protocol for JSON, with its error codes.

One member more than Confluent's: a record's ``timestamp``, as its v3 has it. Its v2 answers 422 to it.
"""

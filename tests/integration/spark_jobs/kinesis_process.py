"""A query in a process of its own, to be killed: writes each batch it is given to a file, and may stay in one for ever.

``python kinesis_process.py <options as JSON> <checkpoint> <folder> <batch to stay in, or -1>``
"""

import json
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

from spark_jobs.kinesis_source import register


def main(options: str, checkpoint: str, folder: str, stays_in: str) -> None:
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC").getOrCreate()
    register(spark)

    def write(frame, number):
        rows = sorted([row.stream, row.shardId, row.sequenceNumber, row.data.decode()] for row in frame.collect())
        attempt = len(list(Path(folder).glob(f"{number:06d}.*")))
        file = Path(folder, f"{number:06d}.{attempt}")
        file.with_suffix(".new").write_text(json.dumps(rows))
        file.with_suffix(".new").rename(file)
        if number == int(stays_in):
            time.sleep(600)

    source = spark.readStream.format("kinesis").options(**json.loads(options)).load()
    query = source.writeStream.foreachBatch(write).option("checkpointLocation", checkpoint).start()
    query.awaitTermination()


main(*sys.argv[1:])

"""What a kill of each component leads to, in the midst of each activity: the one table that all these tests draw from.

Every pair of a victim and an activity stands here once: with what it leads to, or with why it makes no sense.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.victims import VICTIMS

POSTING = "posting"
SINKING = "sinking"
CLEANING = "cleaning"
COMMITTING = "committing"
STREAMING = "streaming"
PROVISIONING = "provisioning"
BACKFILLING = "backfilling"
ACTIVITIES = (POSTING, SINKING, CLEANING, COMMITTING, STREAMING, PROVISIONING, BACKFILLING)


@dataclass(frozen=True)
class Outcome:
    """What a kill leads to. Whichever it is: in the end nothing is lost, doubled or mixed up.

    :param by_itself: whether the run ends well by its own retries; else it fails, saying why, or ends well.
    :param reason: a regular expression of what it says where it fails.
    :param provision: whether `provision` must be run before it is asked for again.
    """

    by_itself: bool = True
    reason: str = ""
    provision: bool = False


BY_ITSELF = Outcome()
# The stand-in keeps S3's objects alone on disk. What else it held of AWS, its API and streams, AWS never loses.
AWS_ANEW = Outcome(provision=True)
NO_API = Outcome(by_itself=False, reason=r"REST API|403|Forbidden", provision=True)

_OTHERS_WORK = "it does not take part: {}"
_BROKER_IS_DONE = _OTHERS_WORK.format("the sink has been waited for before the job begins")
_NO_JOB = _OTHERS_WORK.format("no Databricks job is at work")
_OUT_OF_THE_WAY = _OTHERS_WORK.format("records come from the broker")

SENSELESS: dict[tuple[str, str], str] = {
    ("sink", POSTING): _OTHERS_WORK.format("what it does meanwhile is tested as sinking"),
    ("databricks", POSTING): _NO_JOB,
    ("driver", POSTING): _NO_JOB,
    ("jvm", POSTING): _NO_JOB,
    ("triggerer", POSTING): _OTHERS_WORK.format("nothing is deferred"),
    ("kafka_rest", SINKING): _OUT_OF_THE_WAY,
    ("gateway", SINKING): _OUT_OF_THE_WAY,
    ("databricks", SINKING): _NO_JOB,
    ("driver", SINKING): _NO_JOB,
    ("jvm", SINKING): _NO_JOB,
    ("worker", SINKING): _OTHERS_WORK.format("the triggerer waits for the sink"),
    ("broker", CLEANING): _BROKER_IS_DONE,
    ("sink", CLEANING): _BROKER_IS_DONE,
    ("kafka_rest", CLEANING): _BROKER_IS_DONE,
    ("gateway", CLEANING): _BROKER_IS_DONE,
    ("broker", COMMITTING): _BROKER_IS_DONE,
    ("sink", COMMITTING): _BROKER_IS_DONE,
    ("kafka_rest", COMMITTING): _BROKER_IS_DONE,
    ("gateway", COMMITTING): _BROKER_IS_DONE,
    ("scheduler", COMMITTING): "to it this is cleaning: the task is deferred",
    ("triggerer", COMMITTING): "to it this is cleaning: it asks for the run's state",
    ("postgres", COMMITTING): "to it this is cleaning",
    ("worker", COMMITTING): "none has the task at work: it is deferred",
    ("broker", STREAMING): _OTHERS_WORK.format("records come from Kinesis"),
    ("sink", STREAMING): _OTHERS_WORK.format("records come from Kinesis"),
    ("kafka_rest", STREAMING): _OTHERS_WORK.format("records come from Kinesis"),
    ("triggerer", STREAMING): _OTHERS_WORK.format("nothing is deferred"),
    ("kafka_rest", PROVISIONING): _OTHERS_WORK.format("nothing is asked of it"),
    ("kafka_rest", BACKFILLING): _BROKER_IS_DONE,
    ("gateway", BACKFILLING): _BROKER_IS_DONE,
}

_LEADS_TO: dict[tuple[str, str], Outcome] = {
    ("ministack", POSTING): NO_API,
    ("ministack", SINKING): AWS_ANEW,
    ("ministack", CLEANING): AWS_ANEW,
    ("ministack", COMMITTING): AWS_ANEW,
    ("ministack", STREAMING): NO_API,
    ("ministack", PROVISIONING): Outcome(by_itself=False, reason=r"\S", provision=True),
    ("ministack", BACKFILLING): AWS_ANEW,
}

PAIRS: dict[tuple[str, str], Outcome] = {
    (victim, activity): _LEADS_TO.get((victim, activity), BY_ITSELF)
    for activity in ACTIVITIES
    for victim in VICTIMS
    if (victim, activity) not in SENSELESS
}

# Each component once, at the moment at which most could go wrong.
WORST: dict[str, str] = {
    "broker": POSTING,
    "kafka_rest": POSTING,
    "gateway": POSTING,
    "sink": SINKING,
    "triggerer": CLEANING,
    "scheduler": CLEANING,
    "postgres": CLEANING,
    "worker": CLEANING,
    "driver": COMMITTING,
    "databricks": CLEANING,
    "jvm": STREAMING,
    "ministack": SINKING,
}

"""Whether nothing was lost, doubled or mixed up: compared row by row; each question answers with what is wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from tests.faults.ledger import Address, Landed, Ledger, Log, Sent, Value

_SHOWN = 5

Faults = list[str]


def of_ledger(ledger: Ledger, log: Log) -> Faults:
    """Compare what a sender knows with the log.

    What was accepted stands where it was said to; whatever else there is of it is a copy that an attempt without an
    answer may have left; and nothing is there that was not sent.
    """
    faults = []
    for address, record in ledger.accepted.items():
        found = log.get(address)
        if found is None:
            faults.append(f"lost: {record} was accepted at {address}, where the log holds nothing")
        elif (found.key, found.value) != (record.key, ledger.sent[record]):
            faults.append(f"mixed up: at {address} there is {found}, not {record} that was accepted there")
    copies: Counter[Sent] = Counter()
    for address, found in log.items():
        if address in ledger.accepted:
            continue
        record = Sent(address.topic, found.key)
        copies[record] += 1
        if ledger.sent.get(record) != found.value:
            faults.append(f"foreign: {address} holds {found}, which nobody sent")
    told = Counter(ledger.accepted.values())
    faults += [f"doubled: {record} was accepted {many} times" for record, many in told.items() if many > 1]
    return faults + [
        f"doubled: {record} has {many} copies that nobody told of, after {ledger.unsure[record]} unsure attempts"
        for record, many in copies.items()
        if many > ledger.unsure[record]
    ]


def of_known(sent: Mapping[tuple[str, str], Value], log: Log, *, attempts: int) -> Faults:
    """Compare what was to be sent, each record once, with the log.

    :param sent: values by topic and key.
    :param attempts: how often a record may have been sent: more than once only after a request without an answer.
    """
    copies: dict[tuple[str, str], list[Address]] = defaultdict(list)
    faults = []
    for address, found in log.items():
        copies[address.topic, found.key].append(address)
        if sent.get((address.topic, found.key)) != found.value:
            faults.append(f"foreign: {address} holds {found}, which was not to be sent")
    faults += [f"lost: {record} is not in the log" for record in sent if record not in copies]
    faults += [
        f"doubled: {record} is there {len(at)} times: {at}" for record, at in copies.items() if len(at) > attempts
    ]
    return faults


def of_raw_objects(log: Log, raw: Landed) -> Faults:
    """Compare the log with the raw objects: each record is there, as it is in the log, and nothing else is."""
    faults = [f"lost: {address} is in no raw object" for address in log if address not in raw.rows]
    faults += [f"foreign: {address} is in a raw object, and not in the log" for address in raw.rows.keys() - log.keys()]
    faults += [
        f"mixed up: {address} is {raw.rows[address]} in a raw object, {found.value} in the log"
        for address, found in log.items()
        if address in raw.rows and raw.rows[address] != found.value
    ]
    return faults + [f"mixed up: {address} differs from object to object" for address in raw.differing]


def in_short(faults: Faults) -> str:
    """Return how many faults there are, and the first of each kind."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for fault in faults:
        kinds[fault.partition(":")[0]].append(fault)
    shown = [each for found in kinds.values() for each in found[:_SHOWN]]
    return f"{len(faults)} faults; " + "; ".join(shown) if faults else "no fault"

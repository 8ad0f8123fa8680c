"""Settings of jobs, tasks and one-time runs: what the stand-in acts on, what it only stores, nothing else.

A field that is neither is refused by name: it would change what happens on Databricks and silently not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from local.databricks import references
from local.databricks.errors import invalid_fields, invalid_parameter

Stored = Any  # matters on Databricks only: kept as it came


class Settings(BaseModel):
    """Base of everything declared: no unknown fields, numbers and booleans also as text, as Databricks takes them."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class PythonWheelTask(Settings):
    """An entry point of a wheel."""

    package_name: str
    entry_point: str
    parameters: list[str] | None = None
    named_parameters: dict[str, str] | None = None

    @model_validator(mode="after")
    def _one_kind_of_parameters(self) -> Self:
        if self.parameters and self.named_parameters:
            raise ValueError("give parameters or named_parameters, not both")
        return self


class SparkPythonTask(Settings):
    """A Python file in a volume."""

    python_file: str
    parameters: list[str] = []
    source: Literal["WORKSPACE"] = "WORKSPACE"


class ConditionTask(Settings):
    """A comparison of two texts, by whose outcome tasks that depend on it run or not; it needs no cluster."""

    op: Literal["EQUAL_TO", "NOT_EQUAL"]
    left: str
    right: str

    def outcome(self, left: str, right: str) -> str:
        """Return ``true`` or ``false``, as dependencies name it.

        :param left: what ``left`` is once its references are replaced; ``right`` likewise.
        """
        return "true" if (left == right) == (self.op == "EQUAL_TO") else "false"


class Library(Settings):
    """A wheel in a volume."""

    whl: str


class Dependency(Settings):
    """A task that must have succeeded before, and of a condition the outcome that it must have had."""

    task_key: str
    outcome: Literal["true", "false"] | None = None


class Task(Settings):
    """One task of a job."""

    task_key: str = Field(pattern=r"^[\w-]{1,100}$")
    python_wheel_task: PythonWheelTask | None = None
    spark_python_task: SparkPythonTask | None = None
    condition_task: ConditionTask | None = None
    libraries: list[Library] = []
    depends_on: list[Dependency] = []
    run_if: Literal["ALL_SUCCESS"] = "ALL_SUCCESS"
    timeout_seconds: int = Field(0, ge=0)
    max_retries: int = Field(0, ge=-1)
    min_retry_interval_millis: int = Field(0, ge=0)
    retry_on_timeout: bool = False

    description: Stored = None
    job_cluster_key: Stored = None
    new_cluster: Stored = None
    existing_cluster_id: Stored = None
    email_notifications: Stored = None
    webhook_notifications: Stored = None
    notification_settings: Stored = None
    health: Stored = None
    disable_auto_optimization: Stored = None

    @model_validator(mode="after")
    def _one_kind_of_work(self) -> Self:
        kinds = (self.python_wheel_task, self.spark_python_task, self.condition_task)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("give exactly one of python_wheel_task, spark_python_task and condition_task")
        return self

    @property
    def upstream(self) -> list[str]:
        """Keys of the tasks that this one depends on."""
        return [dependency.task_key for dependency in self.depends_on]

    def parameter_texts(self) -> list[str]:
        """Return every text of this task in which references are replaced."""
        if self.python_wheel_task:
            wheel = self.python_wheel_task
            return [*(wheel.parameters or []), *(wheel.named_parameters or {}).values()]
        if self.condition_task:
            return [self.condition_task.left, self.condition_task.right]
        return self.spark_python_task.parameters if self.spark_python_task else []


class Parameter(Settings):
    """A job parameter and its default."""

    name: str = Field(pattern=r"^[\w.-]+$")
    default: str


class Queue(Settings):
    """Whether runs over the limit wait."""

    enabled: bool


class Continuous(Settings):
    """That a run follows the other without end."""

    pause_status: Literal["PAUSED", "UNPAUSED"] = "UNPAUSED"
    task_retry_mode: Literal["NEVER"] = "NEVER"


class RunAs(Settings):
    """Whose rights a job has; here everybody has all."""

    user_name: str | None = None
    service_principal_name: str | None = None

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if bool(self.user_name) == bool(self.service_principal_name):
            raise ValueError("give either user_name or service_principal_name")
        return self


class RunSettings(Settings):
    """What settings of jobs and of one-time runs share."""

    tasks: list[Task] = Field(min_length=1, max_length=100)
    timeout_seconds: int = Field(0, ge=0)
    queue: Queue = Queue(enabled=False)
    run_as: RunAs | None = None

    access_control_list: Stored = None
    email_notifications: Stored = None
    webhook_notifications: Stored = None
    notification_settings: Stored = None
    health: Stored = None
    budget_policy_id: Stored = None
    usage_policy_id: Stored = None

    @model_validator(mode="after")
    def _tasks_form_a_graph(self) -> Self:
        keys = [task.task_key for task in self.tasks]
        conditions = [task.task_key for task in self.tasks if task.condition_task]
        for task in self.tasks:
            if keys.count(task.task_key) > 1:
                raise ValueError(f"task_key {task.task_key!r} is used more than once")
            for key in task.upstream:
                if key not in keys:
                    raise ValueError(f"task {task.task_key!r} depends on {key!r}, which is none of {', '.join(keys)}")
            for dependency in task.depends_on:
                key = dependency.task_key
                if dependency.outcome and key not in conditions:
                    raise ValueError(f"task {task.task_key!r} depends on an outcome of {key!r}, which is no condition")
        try:
            TopologicalSorter({task.task_key: task.upstream for task in self.tasks}).prepare()
        except CycleError as error:
            raise ValueError(f"the tasks depend on each other in a circle: {' -> '.join(error.args[1])}") from None
        return self


class SubmitSettings(RunSettings):
    """Settings of a one-time run."""

    run_name: str = "Untitled"


class JobSettings(RunSettings):
    """Settings of a job."""

    name: str = "Untitled"
    parameters: list[Parameter] = []
    max_concurrent_runs: int = Field(1, ge=0, le=1000)
    continuous: Continuous | None = None

    description: Stored = None
    tags: Stored = None
    job_clusters: Stored = None
    format: Stored = None
    edit_mode: Stored = None
    deployment: Stored = None
    performance_target: Stored = None

    @model_validator(mode="after")
    def _continuous_as_databricks_allows(self) -> Self:
        if self.continuous is None:
            return self
        if self.max_concurrent_runs != 1:
            raise ValueError("a continuous job has max_concurrent_runs 1")
        if any(task.depends_on or task.max_retries for task in self.tasks):
            raise ValueError("a continuous job's tasks have neither depends_on nor max_retries: the job is restarted")
        return self

    @property
    def is_continuous(self) -> bool:
        """Whether a run is to follow the other now."""
        return self.continuous is not None and self.continuous.pause_status == "UNPAUSED"


def job_settings(given: Any) -> JobSettings:
    """Return the settings of a job.

    :raises ApiError: names each field that is unknown or has a value that cannot be taken, and each unknown reference.
    """
    try:
        settings = JobSettings.model_validate(given)
    except ValidationError as error:
        raise invalid_fields(error) from None
    names = [parameter.name for parameter in settings.parameters]
    if len(set(names)) < len(names):
        raise invalid_parameter(f"parameters: a name is used more than once in {', '.join(names)}")
    references.check([p.default for p in settings.parameters], references.OF_JOB, "parameters")
    _check_task_references(settings.tasks, names)
    return settings


def submit_settings(given: Any) -> SubmitSettings:
    """Return the settings of a one-time run.

    :raises ApiError: as :func:`job_settings`.
    """
    try:
        settings = SubmitSettings.model_validate(given)
    except ValidationError as error:
        raise invalid_fields(error) from None
    _check_task_references(settings.tasks, [])
    return settings


def stored(settings: Settings) -> dict[str, Any]:
    """Return what is kept of ``settings``: the fields that were given, in their own types."""
    return settings.model_dump(mode="json", exclude_unset=True)


def merged(present: dict[str, Any], changes: dict[str, Any], removed: Iterable[str]) -> dict[str, Any]:
    """Return stored settings after ``jobs/update``: fields are replaced, lists are merged by their entries' key.

    :param removed: names of fields to remove, or ``tasks/<key>`` and the like for one entry of a list.
    :raises ApiError: when an entry to merge has no key.
    """
    result = dict(present)
    for field in removed:
        name, _, entry = field.partition("/")
        if entry and name in _KEY_OF_ENTRIES:
            result[name] = [item for key, item in _entries(name, result.get(name)).items() if key != entry]
        else:
            result.pop(name, None)
    for name, value in changes.items():
        if name in _KEY_OF_ENTRIES:
            result[name] = list((_entries(name, result.get(name)) | _entries(name, value)).values())
        else:
            result[name] = value
    return result


_KEY_OF_ENTRIES = {"tasks": "task_key", "job_clusters": "job_cluster_key", "parameters": "name"}


def _entries(name: str, items: Any) -> dict[str, Any]:
    key = _KEY_OF_ENTRIES[name]
    try:
        return {item[key]: item for item in items or []}
    except (TypeError, KeyError):
        raise invalid_parameter(f"{name}: every entry needs a {key}") from None


def _check_task_references(tasks: list[Task], parameter_names: list[str]) -> None:
    known = [*references.OF_JOB, *references.OF_TASK, *(references.PARAMETERS + name for name in parameter_names)]
    for task in tasks:
        references.check(task.parameter_texts(), known, f"task {task.task_key!r}")

import pytest
from starlette.testclient import TestClient

from local.databricks.app import application

TASK = {"task_key": "a", "python_wheel_task": {"package_name": "p", "entry_point": "e"}}
JOBS = "/api/2.2/jobs"


def make_app(folder):
    return application(
        folder / "state", folder / "jars", "http://here", "the-token", {"PYSPARK_PYTHON": "/none/python"}
    )


@pytest.fixture
def client(tmp_path):
    with TestClient(make_app(tmp_path), headers={"Authorization": "Bearer the-token"}) as client:
        yield client


def create(client, **settings):
    answer = client.post(f"{JOBS}/create", json={"name": "n", "tasks": [TASK], **settings})
    assert answer.status_code == 200, answer.text
    return answer.json()["job_id"]


def test_health_needs_no_token(client):
    answer = client.get("/health", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("", 401, "UNAUTHENTICATED"),
        ("Basic dTpw", 401, "UNAUTHENTICATED"),
        ("Bearer wrong", 403, "PERMISSION_DENIED"),
        ("Bearer tökén", 403, "PERMISSION_DENIED"),
    ],
)
def test_everything_else_needs_the_token(client, header, status, code):
    for path in (f"{JOBS}/list", "/api/2.0/fs/files/Volumes/c/s/v/x", "/unknown", "/healthy", "/"):
        answer = client.get(path, headers={"Authorization": header.encode("latin-1")})
        assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_an_unknown_route_or_method_is_501(client):
    assert client.get("/api/2.0/clusters/list").status_code == 501
    assert client.put(f"{JOBS}/create").status_code == 501
    assert client.get("/api/2.0/clusters/list").json()["error_code"] == "NOT_IMPLEMENTED"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{JOBS}/get?job_id={2**63}", None),
        ("GET", f"{JOBS}/runs/get?run_id={10**23}", None),
        ("GET", f"{JOBS}/runs/list?page_token={10**23}", None),
        ("POST", f"{JOBS}/delete", {"job_id": 10**30}),
        ("GET", f"/api/2.0/permissions/jobs/{10**23}", None),
    ],
)
def test_ids_that_no_database_holds_are_refused_like_other_wrong_ones(client, method, path, body):
    answer = client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_arguments_come_in_the_query_or_the_body_or_both_and_as_text(client):
    job_id = create(client)
    assert client.get(f"{JOBS}/get", params={"job_id": str(job_id)}).json()["job_id"] == job_id
    assert client.request("GET", f"{JOBS}/get", json={"job_id": str(job_id)}).json()["job_id"] == job_id
    both = client.request("GET", f"{JOBS}/list", params={"limit": "1"}, json={"name": "N", "expand_tasks": False})
    assert [job["job_id"] for job in both.json()["jobs"]] == [job_id]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"job_id": ' + 100_000 * b"["])
def test_a_body_that_is_no_json_object_is_malformed(client, body):
    answer = client.post(f"{JOBS}/run-now", content=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")


def test_a_body_over_10_mb_is_refused(client):
    answer = client.post(f"{JOBS}/run-now", content=b'{"job_id": 1}' + 10_000_000 * b" ")
    assert (answer.status_code, answer.json()["error_code"]) == (413, "REQUEST_LIMIT_EXCEEDED")


def test_an_unknown_argument_is_refused_by_name(client):
    answer = client.post(f"{JOBS}/run-now", json={"job_id": create(client), "notebook_params": {}})
    assert answer.status_code == 400
    assert "notebook_params" in answer.json()["message"]


def test_jobs_are_listed_by_page(client):
    ids = [create(client, name=f"job {number}") for number in range(5)]
    first = client.get(f"{JOBS}/list", params={"limit": 3}).json()
    assert [job["job_id"] for job in first["jobs"]] == ids[:1:-1]
    second = client.get(f"{JOBS}/list", params={"limit": 3, "page_token": first["next_page_token"]}).json()
    assert [job["job_id"] for job in second["jobs"]] == ids[1::-1]
    assert "next_page_token" not in second


def test_a_reset_replaces_and_an_update_changes(client):
    job_id = create(client, timeout_seconds=5)
    client.post(f"{JOBS}/update", json={"job_id": job_id, "new_settings": {"max_concurrent_runs": "4"}})
    settings = client.get(f"{JOBS}/get", params={"job_id": job_id}).json()["settings"]
    assert (settings["max_concurrent_runs"], settings["timeout_seconds"]) == (4, 5)
    client.post(f"{JOBS}/reset", json={"job_id": str(job_id), "new_settings": {"name": "m", "tasks": [TASK]}})
    settings = client.get(f"{JOBS}/get", params={"job_id": job_id}).json()["settings"]
    assert settings["name"] == "m"
    assert "timeout_seconds" not in settings


def test_permissions_are_kept_with_the_job(client):
    job_id = create(client)
    entries = [{"user_name": "a", "permission_level": "CAN_VIEW"}]
    client.patch(f"/api/2.0/permissions/jobs/{job_id}", json={"access_control_list": entries})
    settings = client.get(f"{JOBS}/get", params={"job_id": job_id}).json()["settings"]
    assert settings["access_control_list"] == entries


def shown(client, job_id):
    entries = client.get(f"/api/2.0/permissions/jobs/{job_id}").json()["access_control_list"]
    return {
        entry.get("group_name") or entry["user_name"]: [level["permission_level"] for level in entry["all_permissions"]]
        for entry in entries
    }


def test_permissions_of_others_stay_also_when_the_job_is_reset(client):
    job_id = create(client)
    assert shown(client, job_id) == {}
    for entry in (
        {"user_name": "a", "permission_level": "CAN_VIEW"},
        {"group_name": "b", "permission_level": "CAN_VIEW"},
        {"user_name": "a", "permission_level": "CAN_MANAGE"},
    ):
        client.patch(f"/api/2.0/permissions/jobs/{job_id}", json={"access_control_list": [entry]})
    client.post(f"{JOBS}/reset", json={"job_id": job_id, "new_settings": {"name": "m", "tasks": [TASK]}})
    assert shown(client, job_id) == {"a": ["CAN_MANAGE"], "b": ["CAN_VIEW"]}


@pytest.mark.parametrize(
    "entry",
    [
        {"permission_level": "CAN_VIEW"},
        {"user_name": "a", "group_name": "b", "permission_level": "CAN_VIEW"},
        {"user_name": "a", "permission_level": "CAN_DO"},
    ],
)
def test_a_permission_names_one_principal_and_a_level_that_there_is(client, entry):
    job_id = create(client)
    answer = client.patch(f"/api/2.0/permissions/jobs/{job_id}", json={"access_control_list": [entry]})
    assert answer.status_code == 400


def test_whom_a_job_runs_as_is_told_beside_its_settings(client):
    job_id = create(client, run_as={"service_principal_name": "id"})
    told = client.get(f"{JOBS}/get", params={"job_id": job_id}).json()
    assert told["run_as_user_name"] == "id"
    assert "run_as" not in told["settings"]


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("GET", "/get", {"job_id": 9}, "Job 9 does not exist."),
        ("POST", "/run-now", {"job_id": 9}, "Job 9 does not exist."),
        ("GET", "/runs/get", {"run_id": 9}, "Run 9 does not exist."),
        ("GET", "/runs/get-output", {"run_id": 9}, "Run 9 does not exist."),
        ("POST", "/runs/cancel", {"run_id": 9}, "Run 9 does not exist."),
        ("GET", "/runs/get", {}, "run_id: Field required"),
        ("GET", "/runs/get", {"run_id": "x"}, "run_id: Input should be a valid integer"),
        ("GET", "/runs/list", {"page_token": "x"}, "page_token 'x' is not one that this server gave"),
    ],
)
def test_what_is_not_there_is_an_invalid_parameter_as_on_databricks(client, method, path, body, message):
    answer = client.request(method, JOBS + path, json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert message in answer.json()["message"]


def test_a_token_of_more_than_64_characters_is_refused(client):
    answer = client.post(f"{JOBS}/run-now", json={"job_id": create(client), "idempotency_token": "t" * 65})
    assert answer.status_code == 400


def test_a_job_parameter_that_the_job_does_not_have_is_refused(client):
    job_id = create(client, parameters=[{"name": "day", "default": ""}])
    answer = client.post(f"{JOBS}/run-now", json={"job_id": job_id, "job_parameters": {"dya": "x"}})
    assert answer.json()["message"] == "job_parameters.dya: job 'n' has no such parameter: day"


def test_a_missing_interpreter_fails_the_run_with_the_way_out(client):
    run_id = client.post(f"{JOBS}/run-now", json={"job_id": create(client)}).json()["run_id"]
    while (run := client.get(f"{JOBS}/runs/get", params={"run_id": run_id}).json())["state"]["life_cycle_state"] in (
        "PENDING",
        "RUNNING",
    ):
        pass
    assert run["state"]["result_state"] == "FAILED"
    output = client.get(f"{JOBS}/runs/get-output", params={"run_id": run["tasks"][0]["run_id"]}).json()
    assert "/none/python does not start" in output["error"]
    assert "PYSPARK_PYTHON" in output["error"]


def test_files_are_put_read_listed_and_deleted(client):
    path = "/api/2.0/fs/files/Volumes/c/s/v/a%20b.txt"
    assert client.put(path, content=b"text").status_code == 204
    assert client.put(path, content=b"text").status_code == 409
    assert client.put(path, params={"overwrite": "true"}, content=b"longer").status_code == 204
    assert client.get(path).content == b"longer"
    head = client.head(path)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "6", b"")
    listed = client.get("/api/2.0/fs/directories/Volumes/c/s/v").json()["contents"]
    assert [(entry["path"], entry["file_size"]) for entry in listed] == [("/Volumes/c/s/v/a b.txt", 6)]
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["%2e%2e/%2e%2e/%2e%2e/%2e%2e/jobs.sqlite", "..%2f..%2f..%2f..%2fjobs.sqlite"])
def test_an_encoded_path_does_not_lead_out_of_the_volumes(client, path):
    answer = client.get(f"/api/2.0/fs/files/Volumes/c/s/v/{path}")
    assert answer.status_code == 400
    assert client.put(f"/api/2.0/fs/files/Volumes/c/s/v/{path}", content=b"x").status_code == 400


def test_a_run_page_opens_with_its_own_link_only(client):
    run_id = client.post(f"{JOBS}/run-now", json={"job_id": create(client, name="<b>n</b>")}).json()["run_id"]
    url = client.get(f"{JOBS}/runs/get", params={"run_id": run_id}).json()["run_page_url"]
    assert "the-token" not in url
    page = client.get(url.removeprefix("http://here"), headers={"Authorization": ""})
    assert page.status_code == 200
    assert "&lt;b&gt;n&lt;/b&gt;" in page.text
    assert "<b>n</b>" not in page.text
    signature = url.partition("=")[2]
    assert client.get(f"/runs/{run_id}").status_code == 403
    assert client.get(f"/runs/{run_id}?signature={signature[:-1]}x").status_code == 403
    assert client.get(f"/runs/{run_id + 1}?signature={signature}").status_code == 403


def test_a_second_server_on_the_same_state_is_refused(client, tmp_path):
    with pytest.raises(RuntimeError, match="another Databricks stand-in works on"), TestClient(make_app(tmp_path)):
        pass


def test_without_a_token_there_is_no_server(tmp_path):
    with pytest.raises(ValueError, match="PINPIPE_DATABRICKS_TOKEN"):
        application(tmp_path, tmp_path, "http://here", "", {})

from pinpipe_airflow import aws_tags


def test_tags_are_told_as_they_were_given():
    tags = {"pipeline": "posts", "team": "data"}
    assert aws_tags.to_list(tags)[0] == {"Key": "pipeline", "Value": "posts"}
    assert aws_tags.to_dict(aws_tags.to_list(tags)) == tags


def test_a_tag_without_a_value_has_an_empty_one():
    assert aws_tags.to_dict([{"Key": "team"}]) == {"team": ""}


def test_only_wanted_tags_differ():
    has = {"pipeline": "posts", "team": "other", "cost": "1"}
    assert aws_tags.different({"pipeline": "posts", "team": "data", "stage": "prod"}, has) == {
        "team": "data",
        "stage": "prod",
    }


def test_a_pipeline_knows_its_own():
    assert aws_tags.is_of("posts", aws_tags.pipeline_tags("posts"))
    assert not aws_tags.is_of("posts", aws_tags.pipeline_tags("posts-2"))
    assert not aws_tags.is_of("posts", {})

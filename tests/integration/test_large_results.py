"""A result that is too large for a Lambda's answer is read from S3 by its presigned URL, and by nobody without it."""

import requests

from tests.driving import driver


def test_the_redirect_leads_to_the_result(make_world, datasets, expected):
    service = driver(make_world(inline_result_bytes=10))
    project = service.create_project(3)
    for party, encodings in enumerate(datasets):
        service.upload(project, party, encodings)
    run_id = service.post_run(project)
    service.deliver_all()

    answer = service.get_run(project, run_id, "result")

    assert answer.status == 307
    fetched = requests.get(answer.headers["Location"], timeout=30)
    assert fetched.content == expected
    assert fetched.headers["Content-Type"] == "application/json"
    tampered = answer.headers["Location"].replace("Signature=", "Signature=0")
    assert requests.get(tampered, timeout=30).status_code == 403

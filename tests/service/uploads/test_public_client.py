"""Resumable uploads with a client that others wrote: tuspy."""

from __future__ import annotations

import io
import threading
from urllib.parse import urlsplit

import pytest
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from service.app import create_app
from service.serving import listening, make_server


@pytest.fixture
def url(client):
    services, settings = client.services, client.settings
    with listening("127.0.0.1", 0) as sockets:
        server = make_server(create_app(settings, opened=services), settings, services.draining)
        thread = threading.Thread(target=server.run, args=(sockets,))
        thread.start()
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}/v1/uploads"
        server.should_exit = True
        thread.join()


def test_an_upload_that_was_broken_off_is_resumed(url, client, clip):
    chosen = {"chunk_size": len(clip) // 3, "metadata": {"filetype": "video/mp4"}}
    chosen["file_stream"] = io.BytesIO(clip)
    headers = {"Authorization": f"Bearer {client.key}"}
    begun = TusClient(url, headers=headers).uploader(**chosen)
    begun.upload_chunk()
    # Another process, later: all that it knows is the upload's address.
    resumed = TusClient(url, headers=headers).uploader(url=begun.url, **chosen)
    assert resumed.offset == len(clip) // 3
    resumed.upload()
    scan = resumed.request.response_headers["scan-location"]
    answer = requests.get(f"http://{urlsplit(url).netloc}{scan}", headers=headers, timeout=60)
    assert answer.json()["state"] == "queued"
    with client.services.storage.open(scan.rpartition("/")[2]) as file:
        assert file.read() == clip


def test_its_checksums_are_taken(url, client, clip):
    headers = {"Authorization": f"Bearer {client.key}"}
    uploader = TusClient(url, headers=headers).uploader(
        file_stream=io.BytesIO(clip),
        chunk_size=len(clip),
        metadata={"filetype": "video/mp4"},
        upload_checksum=True,
    )
    uploader.upload()
    assert "scan-location" in uploader.request.response_headers


def test_it_is_told_what_is_refused(url, client):
    chosen = {"chunk_size": 640, "metadata": {"filetype": "video/mp4"}}
    chosen["file_stream"] = io.BytesIO(b"no video at all " * 40)
    with pytest.raises(TusCommunicationError) as caught:
        TusClient(url).uploader(**chosen).upload()
    assert caught.value.status_code == 401
    headers = {"Authorization": f"Bearer {client.key}"}
    with pytest.raises(TusUploadFailed) as failed:
        TusClient(url, headers=headers).uploader(**chosen).upload()
    assert failed.value.status_code == 415

"""Addresses and files, in folders and on S3."""

import pytest

from contracts.errors import ConfigurationError
from io_managers.storage import Storage


def test_addresses_follow_the_root(root: str) -> None:
    storage = Storage(root + "/")
    assert storage.table_uri("silver/orders") == f"{root}/silver/orders"
    assert storage.quarantine_uri("silver/orders") == f"{root}/silver/orders__quarantine"
    assert storage.engine_path(storage.table_uri("a/b")) == f"file://{root}/a/b"
    assert not storage.remote


def test_a_relative_root_is_made_absolute(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert Storage("x/../lake").root == f"{tmp_path}/lake"


@pytest.mark.parametrize("root", ["/data/my lake", "/data/é", "/data/50%", "s3://bucket/a b", "/data/a#b", "/data/a?b"])
def test_a_root_that_engines_would_look_for_elsewhere_is_refused(root: str) -> None:
    with pytest.raises(ConfigurationError, match="LAKEHOUSE_ROOT"):
        Storage(root)


def test_another_scheme_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="neither a folder nor an s3://"):
        Storage("gs://bucket/lake")


def check_files(storage: Storage) -> None:
    folder = f"{storage.root}/a/b"
    assert storage.list_files(folder) == {}
    storage.create_folder(f"{folder}/c")
    for name in ("one", "c/two %2F=é", "c/three"):
        with storage.filesystem.open_output_stream(storage.path(f"{folder}/{name}")) as file:
            file.write(name.encode())
    assert storage.list_files(folder) == {"one": 3}
    assert storage.list_files(folder, recursive=True) == {"one": 3, "c/two %2F=é": 12, "c/three": 7}
    assert storage.read_bytes(f"{folder}/c/two %2F=é") == "c/two %2F=é".encode()
    for _ in range(2):
        storage.delete_file(f"{folder}/one")
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(f"{folder}/one")
    for _ in range(2):
        storage.delete_folder(f"{folder}/c")
    assert storage.list_files(folder, recursive=True) == {}


def test_files_in_a_folder(storage: Storage) -> None:
    check_files(storage)


def test_files_on_s3(remote_storage: Storage) -> None:
    assert remote_storage.remote
    assert remote_storage.engine_path(remote_storage.table_uri("a/b")) == f"{remote_storage.root}/a/b"
    check_files(remote_storage)

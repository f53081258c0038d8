"""The loop that people write: one search and one PUT an artifact, one after another or in a few threads.

loop.py URL KEY REGISTRY COUNT LABEL THREADS
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

url, key, registry, count, label, threads = sys.argv[1:]
base = f"{url}/har/api/v1/registry/{registry}/+"
local = threading.local()


def add(name: str) -> None:
    if not hasattr(local, "session"):
        local.session = requests.Session()
        local.session.headers["x-api-key"] = key
    found = local.session.get(
        f"{base}/artifacts", params={"search_term": name, "page": 0, "size": 100}, timeout=30
    ).json()
    labels = next(row["labels"] or [] for row in found["data"]["artifacts"] if row["name"] == name)
    body = {"labels": sorted({*labels, label})}
    local.session.put(f"{base}/artifact/{name}/labels", json=body, timeout=30).raise_for_status()


with ThreadPoolExecutor(int(threads)) as pool:
    list(pool.map(add, (f"model-{number:06}" for number in range(int(count)))))

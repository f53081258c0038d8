"""har-sandbox: a small Harness Artifact Registry for trying workflows, for demos and for tests.

    with Sandbox(api_key="key") as box:
        box.add_artifact("acme/ml/models", "resnet50", artifact_type="model", labels=["stage=dev"])
        ...  # point a client at box.api_url

sandbox.py      the object above: store + profile + faults + server
server.py       sockets and threads            delivery.py   answers onto the wire, also spoiled
traffic.py      one request: hooks, fault, profile, log
faults.py       which request meets which fault
exchange.py     a request and an answer as values
routes.py       raw path to operation          profiles.py   the profiles by name
saas.py         answers as the contract documents
store.py        rows, over database.py (connection, tables) and rows.py (values)
preload.py      the YAML file                  __main__.py   the command
"""

from har_sandbox.exchange import Request
from har_sandbox.faults import BadFaultError, Fault, Latency
from har_sandbox.sandbox import Sandbox

__all__ = ["BadFaultError", "Fault", "Latency", "Request", "Sandbox"]

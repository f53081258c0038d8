"""har-sandbox: a small Harness Artifact Registry for trying workflows, for demos and for tests.

    with Sandbox(api_key="key") as box:
        box.add_artifact("acme/ml/models", "resnet50", artifact_type="model", labels=["stage=dev"])
        ...  # point a client at box.api_url

sandbox.py      the object above: store + profile + faults + server
server.py       sockets and threads            delivery.py   sends answers, modified by a fault if there is one
traffic.py      one request: hooks, fault, profile, log
faults.py       which fault is applied to which request
exchange.py     a request and an answer as values
routes.py       raw path to operation          profiles.py   the profiles by name
saas.py         answers as documented in contract §1
open_source.py  answers as recorded: permissions and writing; with
                open_source_lists.py and open_source_versions.py (reading), access.py (keys, roles),
                go_json.py (bodies as Go decodes them), go_paging.py (that server's page numbers)
store.py        rows, over database.py (connection, tables), listing.py (pages), rows.py (values)
preload.py      the YAML file                  __main__.py   the command
"""

from har_sandbox.exchange import Request
from har_sandbox.faults import BadFaultError, Fault, Latency
from har_sandbox.sandbox import Sandbox

__all__ = ["BadFaultError", "Fault", "Latency", "Request", "Sandbox"]

"""OTLP in, over gRPC and HTTP.

In: export requests from Collectors and SDKs, compressed or not, protobuf or JSON.
Out: to `Ingest`, each request once, as protobuf, compressed as it came.

Guaranteed: success is answered only after `Ingest.accept` returned; whatever goes wrong is
answered so that the sender keeps data that could still be taken and drops what never could
(`status` maps errors, for both transports); requests over the size limit and bodies that unfold
beyond it never get to be held; the bytes in work are bounded over all listeners (`Admission`).
"""

from sloengine.receiver.admission import Admission, OverloadedError, Reservation
from sloengine.receiver.grpc_receiver import GrpcReceiver, serve_grpc
from sloengine.receiver.http_receiver import HttpReceiver, serve_http
from sloengine.receiver.ingest import Accepted, Ingest, Request
from sloengine.receiver.intake import Applied, Intake, Stage, Taken
from sloengine.receiver.repeats import Repeats
from sloengine.receiver.settings import CorsSettings, GrpcSettings, HttpSettings
from sloengine.receiver.status import Refusal, Refusals

__all__ = [
    "Accepted",
    "Admission",
    "Applied",
    "CorsSettings",
    "GrpcReceiver",
    "GrpcSettings",
    "HttpReceiver",
    "HttpSettings",
    "Ingest",
    "Intake",
    "OverloadedError",
    "Refusal",
    "Refusals",
    "Repeats",
    "Request",
    "Reservation",
    "Stage",
    "Taken",
    "serve_grpc",
    "serve_http",
]

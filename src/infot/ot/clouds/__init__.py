"""Transport between large clouds: the cost is made a few rows at a time and never held; memory is linear in points."""

from infot.ot.clouds.divergence import CloudTerms, cloud_divergence, cloud_terms
from infot.ot.clouds.entry import solve_clouds
from infot.ot.clouds.nested_streaming import StreamingNested
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.rounding import RoundedCloudPlan
from infot.ot.clouds.streaming import CloudSolver, Streaming
from infot.ot.clouds.symmetric import SymmetricStreaming
from infot.ot.clouds.unbalanced import UnbalancedStreaming
from infot.ot.clouds.value import cloud_value

__all__ = [
    "CloudPlan",
    "CloudProblem",
    "CloudSolver",
    "CloudTerms",
    "RoundedCloudPlan",
    "Streaming",
    "StreamingNested",
    "SymmetricStreaming",
    "UnbalancedStreaming",
    "cloud_divergence",
    "cloud_terms",
    "cloud_value",
    "solve_clouds",
]

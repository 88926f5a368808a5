"""The plan of a host: every CPU in exactly one class, and all that follows from it."""

from cift.ops.plan.planner import Plan, RefusedPlanError, make_plan
from cift.ops.plan.policy import Policy
from cift.ops.plan.topology import Core, Topology, TopologyError, read_topology

__all__ = ["Core", "Plan", "Policy", "RefusedPlanError", "Topology", "TopologyError", "make_plan", "read_topology"]

"""What an inventory asks of a plan. Every field has a default that suits one trading host of 16 cores or more."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class PolicyError(ValueError):
    """The policy file is not one; the message names the file, the field and what was expected."""


class Hugepages(BaseModel):
    """Pages to reserve. 1 GB pages go to the engine's node at boot; 2 MB pages to PostgreSQL's at run time."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    engine_1g: int = Field(2, ge=0, description="1 GB pages on the engine's node")
    postgresql_2m: int = Field(512, ge=0, description="2 MB pages on PostgreSQL's node")


class Policy(BaseModel):
    """Cores asked for in each class; what is left becomes `data`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    nic: str | None = Field(None, description="interface of the order flow; None: the first that the topology names")
    nic_node: int | None = Field(None, ge=0, description="its NUMA node, where the topology has no I/O devices")
    housekeeping_cores_per_node: int = Field(1, ge=1)
    engine_shards: int = Field(1, ge=1, le=64, description="engines, which share out the isolated cores")
    irq_cores: int = Field(2, ge=1, description="cores for the NIC's queues, on its node")
    isolated_cores: int = Field(4, ge=1, description="cores for engine threads, on the NIC's node")
    data_cores: int = Field(4, ge=1, description="the least that NATS, ClickHouse, the cache and PostgreSQL need")
    reserve_gib_per_node: int = Field(4, ge=0, description="memory of each node that hugepages must leave alone")
    hugepages: Hugepages = Hugepages()
    amd_pstate: Literal["active", "guided", "passive", "disable"] = "guided"
    production: bool = Field(False, description="refuse a host that can't meet the policy, instead of giving things up")


def read_policy(path: Path) -> Policy:
    """Read a policy from YAML.

    Raises:
        PolicyError: unreadable, not a mapping, an unknown field or a value out of range.
    """
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text()) or {})
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}; expected a YAML file with the policy's fields") from error
    except yaml.YAMLError as error:
        raise PolicyError(f"{path}: not YAML ({str(error).splitlines()[0]})") from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PolicyError(f"{path}: {name}: {first['msg']}; fields are {', '.join(Policy.model_fields)}") from error

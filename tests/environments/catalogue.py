"""All environments, in the order in which they are run."""

from __future__ import annotations

from environment import Environment
from kafka_three import KafkaThree

ENVIRONMENTS: list[type[Environment]] = [KafkaThree]

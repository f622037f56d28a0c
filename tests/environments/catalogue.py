"""All environments, in the order in which they are run."""

from __future__ import annotations

from environment import Environment
from kafka_groups import KafkaGroups
from kafka_secure import KafkaSecure
from kafka_three import KafkaThree
from redis_acl_tls import RedisAclTls
from redis_cluster import RedisClusterEnvironment
from redis_sentinel import RedisSentinel
from s3_tls_policies import S3TlsPolicies
from skew import Skew
from valkey import Valkey

ENVIRONMENTS: list[type[Environment]] = [
    KafkaSecure,
    KafkaThree,
    KafkaGroups,
    RedisSentinel,
    RedisClusterEnvironment,
    RedisAclTls,
    Valkey,
    S3TlsPolicies,
    Skew,
]

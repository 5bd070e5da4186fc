"""Replay buffers: they keep transitions to learn from."""

from compactrl.buffers.hindsight import HindsightBuffer
from compactrl.buffers.replay import Experience, ReplayBuffer
from compactrl.buffers.tasks import TaskReplay

__all__ = ["Experience", "HindsightBuffer", "ReplayBuffer", "TaskReplay"]

"""From run to robot: a policy as C99 or ONNX that proves itself equal to the policy and states what it costs.

(The package is not called `export`, since `compactrl.export` is the function.)
"""

from compactrl.exports.api import export
from compactrl.exports.assemble import Exported

__all__ = ["Exported", "export"]

"""From run to robot: a policy as C99 or ONNX that proves itself equal to the policy and states what it costs.

- `api`: what an export takes from a run. Nothing else here knows runs.
- `assemble`: the stages of an export, from a policy to a folder with a manifest.
- `origin`, `options`, `folder`: which policy it is, what was asked for, and a place that is whole or not there.
- `c`, `kernels`, `numbers`, `tanh`, `observations`, `targets`, `templates/`: the text of the C files.
- `vectors`, `rollouts`, `native`, `verify`: the proof that the C is the policy.
- `budget`, `cortex_m`, `tools`: what it takes, estimated or measured.
- `onnx_file`: the same policy as one ONNX file. `describe`: all of it in sentences.

(The package is not called `export`, since `compactrl.export` is the function.)
"""

from compactrl.exports.api import export
from compactrl.exports.assemble import Exported

__all__ = ["Exported", "export"]

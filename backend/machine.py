"""LLVM behind llvmlite: text -> optimised module -> object -> linked code.

llvmlite is imported when something compiles for the first time.  One lock guards LLVM, and is held
across a fork, so that a child never inherits it locked.  Every module has a context, a pass
builder and a pass manager of its own: reused ones get slower and abort.  The SLP vectoriser is off:
it made adjoint stencils four times slower.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any

LEVEL = 2  # of passes and code generation
INLINE = 225
_lock = threading.RLock()
_names = itertools.count()


class Machine:
    """The host, as LLVM sees it, and the linker of this process."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=LEVEL,
            reloc="pic",
            codemodel="default",
        )
        self.layout = str(self.target.target_data)
        self.linker = llvm.create_lljit_compiler(self.target)


@functools.cache
def machine() -> Machine:
    """Made once; the lock is registered for forks then."""
    _load_libm()
    made = Machine()
    inner = made.llvm.ffi.lib._lock._lock

    def before() -> None:
        _lock.acquire()
        inner.acquire()

    def after() -> None:
        inner.release()
        _lock.release()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)
    return made


def _load_libm() -> None:
    """Make libm's functions visible to the linker."""
    if sys.platform.startswith("linux"):
        for name in ("libm.so.6", "libm.so"):
            try:
                ctypes.CDLL(name, ctypes.RTLD_GLOBAL)
                return
            except OSError:
                continue


def optimize(text: str) -> Any:
    """LLVM's own module of a text, verified, after its passes."""
    with _lock:
        m = machine()
        module = m.llvm.parse_assembly(text, m.llvm.create_context())
        module.triple, module.data_layout = m.target.triple, m.layout
        module.verify()
        tuning = m.llvm.create_pipeline_tuning_options(speed_level=LEVEL)
        tuning.loop_vectorization = tuning.loop_interleaving = tuning.loop_unrolling = True
        tuning.slp_vectorization = False
        tuning.inlining_threshold = INLINE
        builder = m.llvm.create_pass_builder(m.target, tuning)
        passes = builder.getModulePassManager()
        passes.run(module, builder)
        # llvmlite never frees a ModulePassManager
        m.llvm.ffi.lib.LLVMPY_DisposeNewModulePassManger(passes)
        passes.detach()
        return module


class Code:
    """Linked code; it lives as long as this object."""

    def __init__(self, text: str, exports: Iterable[str], imports: Mapping[str, int]) -> None:
        self.text = text
        with _lock:
            m = machine()
            module = optimize(text)
            self.object: bytes = m.target.emit_object(module)
            link = m.llvm.JITLibraryBuilder().add_object_img(self.object).add_current_process()
            for name in exports:
                link.export_symbol(name)
            for name, address in imports.items():
                link.import_symbol(name, address)
            self._library = link.link(m.linker, f"morula{next(_names)}")
            self.addresses: dict[str, int] = {n: self._library[n] for n in exports}


def assembly(text: str) -> str:
    """The machine code of a text, after LLVM's passes, as this machine's assembler writes it."""
    module = optimize(text)
    with _lock:
        return str(machine().target.emit_assembly(module))


def compile(text: str, exports: Iterable[str], imports: Mapping[str, int] | None = None) -> Code:
    """Link a text; `exports` are the functions whose addresses are wanted."""
    return Code(text, tuple(exports), imports or {})

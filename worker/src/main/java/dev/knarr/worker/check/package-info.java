// SPDX-License-Identifier: Apache-2.0
/**
 * The checks between the wire and ggml. A failed assertion or a wild address inside ggml ends the
 * whole process, so everything that ggml's kernels assert on or trust is proven here first: {@link
 * dev.knarr.worker.check.OperationCheck} has one rule for each operation, {@link
 * dev.knarr.worker.check.GraphCheck} applies them to a graph and proves its views, and {@link
 * dev.knarr.worker.check.IndexUse} names the tensors whose <em>contents</em> ggml uses as row
 * numbers. The rules follow ggml 0.26 and 0.27 (constructors in {@code ggml.c}, CPU kernels in
 * {@code ggml-cpu/ops.cpp} and {@code ggml-cpu.c}), and accept every graph that ggml's own {@code
 * test-backend-ops} builds.
 */
@NullMarked
package dev.knarr.worker.check;

import org.jspecify.annotations.NullMarked;

// SPDX-License-Identifier: Apache-2.0

/**
 * {@code knarr bench}: endpoints side by side, measured by stock llama-bench in alternating rounds.
 * Start at {@link dev.knarr.cli.bench.Benchmark}.
 */
@NullMarked
package dev.knarr.cli.bench;

import org.jspecify.annotations.NullMarked;

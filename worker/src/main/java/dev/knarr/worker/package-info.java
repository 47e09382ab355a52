// SPDX-License-Identifier: Apache-2.0
/**
 * The worker: an RPC server that lends the ggml devices of one machine to llama.cpp clients. {@link
 * dev.knarr.worker.WorkerMain} starts a {@link dev.knarr.worker.Worker} from a {@link
 * dev.knarr.worker.WorkerConfig}.
 */
@NullMarked
package dev.knarr.worker;

import org.jspecify.annotations.NullMarked;

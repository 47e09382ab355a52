// SPDX-License-Identifier: Apache-2.0
/**
 * The devices of a worker: {@link dev.knarr.worker.device.Device} owns a ggml backend, the thread
 * that runs it, and the memory budget of its buffers.
 */
@NullMarked
package dev.knarr.worker.device;

import org.jspecify.annotations.NullMarked;

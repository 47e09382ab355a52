// SPDX-License-Identifier: Apache-2.0
/**
 * Weights that need not cross the wire: {@link dev.knarr.worker.cache.TensorCache} finds them by
 * the protocol's hash in a folder of its own, in local GGUF files, or in memory of this worker's
 * devices. Whatever it finds is proven on the way into the device, or it is not found.
 */
@NullMarked
package dev.knarr.worker.cache;

import org.jspecify.annotations.NullMarked;

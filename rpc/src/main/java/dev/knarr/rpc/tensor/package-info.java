// SPDX-License-Identifier: Apache-2.0
/**
 * Tensors as they travel: the 296-byte descriptor {@link dev.knarr.rpc.tensor.RpcTensor}, its types
 * and operations, and {@link dev.knarr.rpc.tensor.ComputeGraph}, a validated list of descriptors.
 */
@NullMarked
package dev.knarr.rpc.tensor;

import org.jspecify.annotations.NullMarked;

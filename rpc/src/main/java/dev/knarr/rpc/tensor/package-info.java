// SPDX-License-Identifier: Apache-2.0
/**
 * Tensors as they travel: the 296-byte descriptor {@link dev.knarr.rpc.tensor.RpcTensor}, its types
 * and operations; {@link dev.knarr.rpc.tensor.ComputeGraph}, a validated list of descriptors; and
 * {@link dev.knarr.rpc.tensor.CompactGraph}, the same in few bytes.
 */
@NullMarked
package dev.knarr.rpc.tensor;

import org.jspecify.annotations.NullMarked;

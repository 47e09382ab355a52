// SPDX-License-Identifier: Apache-2.0
/**
 * The ggml RPC protocol, version 8.0, as {@code docs/protocol.md} describes it: every command is a
 * constant of {@link dev.knarr.rpc.RpcCommand}, every message a record of {@link
 * dev.knarr.rpc.RpcRequest} or {@link dev.knarr.rpc.RpcResponse} with decode and encode side by
 * side. Tensor data is never part of a message; {@link dev.knarr.rpc.wire} streams it.
 */
@NullMarked
package dev.knarr.rpc;

import org.jspecify.annotations.NullMarked;

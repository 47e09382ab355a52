// SPDX-License-Identifier: Apache-2.0
/**
 * The protocol on a connection: {@link dev.knarr.rpc.wire.RpcChannel} frames messages over any byte
 * channel and streams tensor data between socket and caller; {@link
 * dev.knarr.rpc.wire.FrameScanner} follows a stream that is only passed through.
 */
@NullMarked
package dev.knarr.rpc.wire;

import org.jspecify.annotations.NullMarked;

// SPDX-License-Identifier: Apache-2.0
/** The ggml RPC protocol. */
@NullMarked
package dev.knarr.rpc;

import org.jspecify.annotations.NullMarked;

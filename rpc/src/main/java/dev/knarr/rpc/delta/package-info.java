// SPDX-License-Identifier: Apache-2.0
/**
 * Bytes as what differs from bytes that the other side has. Entry: {@link
 * dev.knarr.rpc.delta.Delta}.
 */
@NullMarked
package dev.knarr.rpc.delta;

import org.jspecify.annotations.NullMarked;

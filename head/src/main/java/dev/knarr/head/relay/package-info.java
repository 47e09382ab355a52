// SPDX-License-Identifier: Apache-2.0
/**
 * The way between llama-server and one worker: plain bytes passed through and counted. Entry:
 * {@link dev.knarr.head.relay.Relay}.
 */
@NullMarked
package dev.knarr.head.relay;

import org.jspecify.annotations.NullMarked;

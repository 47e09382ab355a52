// SPDX-License-Identifier: Apache-2.0
/**
 * Many workers as one RPC server, for an unmodified llama-server. Entry: {@link
 * dev.knarr.head.route.HeadRouter}.
 */
@NullMarked
package dev.knarr.head.route;

import org.jspecify.annotations.NullMarked;

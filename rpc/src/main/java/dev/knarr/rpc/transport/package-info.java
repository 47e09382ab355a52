// SPDX-License-Identifier: Apache-2.0
/**
 * What lies between the messages of the protocol and the socket: nothing, or TLS. {@link
 * dev.knarr.rpc.transport.Transport} is the entry; {@link dev.knarr.rpc.transport.TlsCredentials}
 * is the one that reads certificates.
 */
@NullMarked
package dev.knarr.rpc.transport;

import org.jspecify.annotations.NullMarked;

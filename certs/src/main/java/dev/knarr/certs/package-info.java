// SPDX-License-Identifier: Apache-2.0
/**
 * Keys and certificates: {@link dev.knarr.certs.Authority} makes them, {@link dev.knarr.certs.Pem}
 * writes and reads them.
 */
@NullMarked
package dev.knarr.certs;

import org.jspecify.annotations.NullMarked;

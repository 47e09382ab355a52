// SPDX-License-Identifier: Apache-2.0
/**
 * Certificates for people without a CA of their own: {@link dev.knarr.cli.certs.CertificateFolder}.
 */
@NullMarked
package dev.knarr.cli.certs;

import org.jspecify.annotations.NullMarked;

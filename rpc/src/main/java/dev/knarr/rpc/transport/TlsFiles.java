// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The PEM files of one side. Immutable.
 *
 * @param certificate what we show: our certificate, then those that lead from it to the CA
 * @param key the private key of our certificate
 * @param authority the CAs whose certificates we accept
 */
public record TlsFiles(@Nullable Path certificate, @Nullable Path key, @Nullable Path authority) {
  /**
   * Checks that certificate and key come together.
   *
   * @throws IllegalArgumentException when one of them is missing
   */
  public TlsFiles {
    if ((certificate == null) != (key == null)) {
      throw new IllegalArgumentException(
          certificate == null
              ? "--tls-key goes with --tls-cert: name the certificate of this key"
              : "--tls-cert goes with --tls-key: name the key of this certificate");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.rpc.transport.TlsCredentials;
import dev.knarr.rpc.transport.TlsFileException;
import dev.knarr.rpc.transport.TlsFiles;
import dev.knarr.rpc.transport.Transport;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How the head speaks to its workers: plain, or by TLS with the files of its configuration. */
public final class WorkerTransport {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerTransport.class);
  private static final Duration HANDSHAKE_LIMIT = Duration.ofSeconds(10);

  private WorkerTransport() {}

  /**
   * Reads the files, if there are any.
   *
   * @throws HeadException with {@link HeadReason#CONFIG_INVALID} when one cannot be used
   */
  public static Transport of(HeadConfig config) {
    HeadConfig.Tls tls = config.tls();
    if (tls == null) {
      return Transport.PLAIN;
    }
    try {
      return TlsCredentials.load(
          new TlsFiles(tls.certificate(), tls.key(), tls.authority()),
          HANDSHAKE_LIMIT,
          new LoggedRenewal());
    } catch (TlsFileException e) {
      throw new HeadException(
          HeadReason.CONFIG_INVALID,
          "TLS towards the workers is not possible: " + e.getMessage(),
          e);
    }
  }

  private record LoggedRenewal() implements TlsCredentials.Renewal {
    @Override
    public void renewed() {
      LOG.info("The TLS files have changed: new connections use the new ones");
    }

    @Override
    public void failed(String why) {
      LOG.warn("The TLS files have changed and cannot be used, so the old ones stay: {}", why);
    }
  }
}

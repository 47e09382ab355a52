// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.transport.TlsCredentials;
import dev.knarr.rpc.transport.TlsException;
import dev.knarr.rpc.transport.TlsFault;
import dev.knarr.rpc.transport.TlsFileException;
import dev.knarr.rpc.transport.TlsFiles;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.worker.WorkerStartException.Reason;
import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The worker's certificates, with every handshake and renewal counted. Any thread. */
final class WorkerTls implements Transport {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerTls.class);

  private final TlsCredentials credentials;
  private final WorkerMetrics metrics;

  private WorkerTls(TlsCredentials credentials, WorkerMetrics metrics) {
    this.credentials = credentials;
    this.metrics = metrics;
  }

  /**
   * Reads the files that the options name; empty without {@code --tls-cert}.
   *
   * @throws WorkerStartException if the options do not go together, or a file cannot be used
   */
  static Optional<WorkerTls> open(WorkerConfig config, WorkerMetrics metrics) {
    try {
      var files =
          new TlsFiles(
              config.tlsCert().orElse(null),
              config.tlsKey().orElse(null),
              config.tlsClientCa().orElse(null));
      if (files.certificate() == null) {
        if (files.authority() != null) {
          throw new WorkerStartException(
              Reason.CONFIG_INVALID,
              "--tls-client-ca goes with --tls-cert and --tls-key: without them there is no TLS, and nobody would be asked for a certificate.");
        }
        return Optional.empty();
      }
      var credentials =
          TlsCredentials.load(files, config.helloTimeout(), new LoggedRenewal(metrics));
      metrics.register(credentials);
      return Optional.of(new WorkerTls(credentials, metrics));
    } catch (TlsFileException e) {
      throw new WorkerStartException(
          Reason.CONFIG_INVALID, "TLS is not possible: " + e.getMessage(), e);
    } catch (IllegalArgumentException e) {
      throw new WorkerStartException(Reason.CONFIG_INVALID, e.getMessage() + ".", e);
    }
  }

  private record LoggedRenewal(WorkerMetrics metrics) implements TlsCredentials.Renewal {
    @Override
    public void renewed() {
      metrics.certificateRenewed(true);
      LOG.info("The TLS files have changed: new connections use the new ones");
    }

    @Override
    public void failed(String why) {
      metrics.certificateRenewed(false);
      LOG.error(
          "The TLS files have changed and cannot be used, so the old ones stay: {} It is tried again when they change",
          why);
    }
  }

  /** Whether only clients with a certificate are served. */
  boolean knowsClients() {
    return credentials.hasAuthority();
  }

  @Override
  public ByteChannel accepted(SocketChannel socket) throws IOException {
    try {
      var channel = credentials.accepted(socket);
      metrics.handshakeDone();
      return channel;
    } catch (TlsException e) {
      metrics.handshakeFailed(e.fault());
      throw e;
    } catch (IOException e) {
      metrics.handshakeFailed(TlsFault.GONE);
      throw e;
    }
  }

  @Override
  public ByteChannel connected(SocketChannel socket, String host, int port) throws IOException {
    return credentials.connected(socket, host, port);
  }
}

// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.KeepAlive;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.rpc.Capabilities;
import dev.knarr.rpc.ProtocolVersion;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Opens the head's own connections to one worker. Any thread. */
final class WorkerConnector {

  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(5);

  /** After this long without a word it is worth telling. */
  private static final Duration SILENT = Duration.ofSeconds(5);

  private static final String NO_GREETING =
      "it accepts the connection but does not answer; a stock worker serves one client at a time, so another one may be using it. Otherwise it hangs: look at its log, and restart it";

  private final HeadConfig.Worker worker;
  private final Transport transport;
  private final FrameMeter meter;
  private final ScheduledExecutorService alarms;

  WorkerConnector(
      HeadConfig.Worker worker,
      Transport transport,
      FrameMeter meter,
      ScheduledExecutorService alarms) {
    this.worker = worker;
    this.transport = transport;
    this.meter = meter;
    this.alarms = alarms;
  }

  HeadConfig.Worker worker() {
    return worker;
  }

  /**
   * Connects and greets.
   *
   * @param limit how long the worker may take for both; a busy stock worker answers when it has
   *     finished with the client before
   * @param onSilence told what the worker does not do, when that has lasted for some seconds and
   *     the limit is not yet reached
   * @throws SocketTimeoutException when it takes longer
   * @throws IOException when there is no connection to be had
   */
  Connection greet(Duration limit, Consumer<String> onSilence) throws IOException {
    return greet(limit, onSilence, Capabilities.NONE);
  }

  /** As the other, with something to say in the greeting. */
  Connection greet(Duration limit, Consumer<String> onSilence, Capabilities capabilities)
      throws IOException {
    Connection connection = new Connection(onSilence, capabilities);
    try {
      connection.open(limit);
      return connection;
    } catch (IOException | RuntimeException e) {
      connection.close();
      throw e;
    }
  }

  /** A connection on which the worker has been greeted. One thread. */
  final class Connection implements AutoCloseable {

    private final Consumer<String> onSilence;
    private final SocketChannel socket;
    private final Capabilities offered;
    private Capabilities answered = Capabilities.NONE;
    private @Nullable RpcClientChannel channel;
    private @Nullable ProtocolVersion version;
    private @Nullable ScheduledFuture<?> alarm;
    private @Nullable ScheduledFuture<?> remark;
    private volatile boolean late;

    private Connection(Consumer<String> onSilence, Capabilities capabilities) throws IOException {
      this.onSilence = onSilence;
      this.offered = capabilities;
      socket = SocketChannel.open();
    }

    private void open(Duration limit) throws IOException {
      long deadline = System.nanoTime() + limit.toNanos();
      int connectMillis = (int) Math.clamp(limit.toMillis(), 1, CONNECT_LIMIT.toMillis());
      InetSocketAddress address = new InetSocketAddress(worker.host(), worker.port());
      if (address.isUnresolved()) {
        throw new UnknownHostException(
            "the name " + worker.host() + " is not known (yet): its machine or pod is not there");
      }
      try {
        socket.socket().connect(address, connectMillis);
      } catch (SocketTimeoutException e) {
        throw timeout(
            "no answer to a connection; its machine may be down, or a firewall or NetworkPolicy may drop packets on the way. Look at both",
            e);
      }
      mostWait(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())), NO_GREETING);
      socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
      // Until it is served a connection ends by a reset: a stock worker that finds HELLO from a
      // client that has gone with a normal close is killed by its own answer.
      socket.setOption(StandardSocketOptions.SO_LINGER, 0);
      KeepAlive.on(socket);
      try {
        RpcClientChannel made =
            RpcClientChannel.over(
                transport.connected(socket, worker.host(), worker.port()),
                WireLimits.defaults(),
                meter);
        RpcResponse.HelloAccepted accepted = made.hello(offered);
        version = accepted.version();
        answered = accepted.capabilities();
        channel = made;
      } catch (AsynchronousCloseException e) {
        throw late ? timeout(NO_GREETING, e) : e;
      }
      socket.setOption(StandardSocketOptions.SO_LINGER, -1);
    }

    /** What has been agreed on. */
    ProtocolVersion version() {
      return opened(version);
    }

    /** What the worker answered to what was said in the greeting. */
    Capabilities capabilities() {
      return answered;
    }

    /** For requests and their answers. */
    RpcClientChannel channel() {
      return opened(channel);
    }

    private static <T> T opened(@Nullable T part) {
      if (part == null) {
        throw new IllegalStateException("This connection has not been opened");
      }
      return part;
    }

    /**
     * Closes the connection unless this is called again within the limit.
     *
     * @param silence what it means when the worker says nothing in that time
     */
    void mostWait(Duration limit, String silence) {
      cancelAlarms();
      alarm = alarms.schedule(this::abort, limit.toMillis(), TimeUnit.MILLISECONDS);
      remark =
          alarms.schedule(
              () -> onSilence.accept(silence), SILENT.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void abort() {
      late = true;
      closeSocket();
    }

    /** Whether it was closed because the worker took too long. */
    boolean isLate() {
      return late;
    }

    private void cancelAlarms() {
      if (alarm != null && remark != null) {
        alarm.cancel(false);
        remark.cancel(false);
      }
    }

    private void closeSocket() {
      try {
        socket.close();
      } catch (IOException _) {
        // There is nothing left to give back.
      }
    }

    @Override
    public void close() {
      cancelAlarms();
      if (channel != null) {
        try {
          channel.close();
        } catch (IOException _) {
          // It was to end anyway.
        }
      }
      closeSocket();
    }
  }

  private static SocketTimeoutException timeout(String sentence, Exception cause) {
    SocketTimeoutException timeout = new SocketTimeoutException(sentence);
    timeout.initCause(cause);
    return timeout;
  }
}

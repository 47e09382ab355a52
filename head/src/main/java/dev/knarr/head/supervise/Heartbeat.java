// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.transport.TlsException;
import dev.knarr.rpc.transport.TlsFault;
import java.io.IOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks one worker again and again whether it is alive, on a connection of its own, for as long as
 * llama-server runs. Only for workers that serve several connections at once: they answer whatever
 * their devices are at, while a stock worker would answer nobody until its client has gone. One
 * virtual thread; {@link #close} may come from any.
 */
final class Heartbeat implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Heartbeat.class);

  /** Between one question and the next. */
  private static final Duration INTERVAL = Duration.ofSeconds(2);

  /** What a question may take on a machine that is busy with everything else. */
  static final Duration SILENCE = Duration.ofSeconds(6);

  private final WorkerConnector connector;
  private final Clock clock;
  private final Consumer<String> onSilence;
  private final Thread thread;

  private volatile Instant lastAnswer;

  /** Of the same moment as {@link #lastAnswer}, for a clock that may jump. Own thread only. */
  private long lastAnswerNanos;

  private Heartbeat(WorkerConnector connector, Clock clock, Consumer<String> onSilence) {
    this.connector = connector;
    this.clock = clock;
    this.onSilence = onSilence;
    this.lastAnswer = clock.instant();
    this.lastAnswerNanos = System.nanoTime();
    this.thread =
        Thread.ofVirtual().name("heartbeat-" + connector.worker().name()).unstarted(this::run);
  }

  /**
   * Begins to ask.
   *
   * @param onSilence told once, when the worker has said nothing for too long, with what happened
   *     as the end of a sentence that begins with the worker's name; this heartbeat has ended then
   */
  static Heartbeat start(WorkerConnector connector, Clock clock, Consumer<String> onSilence) {
    Heartbeat heartbeat = new Heartbeat(connector, clock, onSilence);
    heartbeat.thread.start();
    return heartbeat;
  }

  /** Returns when the worker answered last. */
  Instant lastAnswer() {
    return lastAnswer;
  }

  private void run() {
    String last = "";
    try {
      while (System.nanoTime() - lastAnswerNanos < SILENCE.toNanos()) {
        try (WorkerConnector.Connection connection = connector.greet(left(), _ -> {})) {
          askAgainAndAgain(connection);
        } catch (TlsException e) {
          last = " (it " + e.getMessage() + ")";
          if (e.fault() != TlsFault.GONE && e.fault() != TlsFault.TIMEOUT) {
            answered(); // Whoever refuses a certificate is alive.
          }
        } catch (RpcProtocolException e) {
          // It closed the connection: gone, as the relay will hear, or full, and alive.
          LOG.debug("The heartbeat's connection ended", e);
          answered();
        } catch (ConnectException | NoRouteToHostException | UnknownHostException e) {
          last = " (" + e.getMessage() + ")";
        } catch (IOException e) {
          LOG.debug("The heartbeat's connection broke", e);
        }
        Thread.sleep(INTERVAL.dividedBy(4));
      }
      onSilence.accept(
          "has not answered for %d s%s: its process hangs, or packets to it are lost. Look at its log and its machine, and restart it if it does not come back by itself"
              .formatted(
                  TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - lastAnswerNanos), last));
    } catch (InterruptedException _) {
      // Closed.
    } catch (RuntimeException e) {
      LOG.error("A heartbeat failed; a worker that hangs will not be noticed", e);
    }
  }

  private void askAgainAndAgain(WorkerConnector.Connection connection)
      throws IOException, InterruptedException {
    while (true) {
      answered();
      connection.mostWait(INTERVAL.plus(SILENCE), "");
      Thread.sleep(INTERVAL);
      connection.channel().send(new RpcRequest.DeviceCount());
      connection.channel().receive(RpcResponse.DeviceCounted.class);
    }
  }

  private void answered() {
    lastAnswer = clock.instant();
    lastAnswerNanos = System.nanoTime();
  }

  private Duration left() {
    return Duration.ofNanos(
        Math.max(1_000_000, SILENCE.toNanos() - (System.nanoTime() - lastAnswerNanos)));
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

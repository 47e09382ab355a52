// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import jdk.net.ExtendedSocketOptions;

/** Makes an idle connection to a machine that is gone break by itself. */
public final class KeepAlive {

  /** A worker whose machine is gone says nothing: ask it after so many seconds of silence … */
  private static final int IDLE_SECONDS = 5;

  /** … this often … */
  private static final int INTERVAL_SECONDS = 2;

  /** … so many times. */
  private static final int PROBES = 3;

  private KeepAlive() {}

  /**
   * Switches it on: an idle connection breaks 11 s after the last sign of the other kernel. Does
   * nothing for bytes that are on their way, which the kernel sends again for some 15 minutes.
   *
   * @throws IOException when the socket is closed
   */
  public static void on(SocketChannel socket) throws IOException {
    socket.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
    socket.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, IDLE_SECONDS);
    socket.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, INTERVAL_SECONDS);
    socket.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, PROBES);
  }
}

// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.util.Locale;

/** Says in a few words what went wrong with a connection. */
public final class Failures {

  private Failures() {}

  public static String describe(Throwable e) {
    return switch (e) {
      case ConnectException refused -> lower(refused);
      case SocketTimeoutException _ -> "no answer";
      case UnresolvedAddressException _ -> "unknown host";
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : lower(e);
    };
  }

  private static String lower(Throwable e) {
    String text = String.valueOf(e.getMessage());
    return text.substring(0, 1).toLowerCase(Locale.ROOT) + text.substring(1);
  }
}

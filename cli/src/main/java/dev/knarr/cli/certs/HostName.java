// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.certs;

import java.net.InetAddress;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A host as a certificate names it: a DNS name, or an IP address. Immutable.
 *
 * @param name without a port or brackets
 * @param isAddress whether it is an IP address
 */
public record HostName(String name, boolean isAddress) {
  private static final Pattern DNS =
      Pattern.compile(
          "(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*");

  private static final Pattern DIGITS = Pattern.compile("[0-9.]+");

  /**
   * Reads what the command line says.
   *
   * @throws IllegalArgumentException when it is neither, saying what would do
   */
  public static HostName of(String text) {
    var name = text.toLowerCase(Locale.ROOT);
    var address = address(text);
    // Half an address of IPv4 is a number that nobody means: 10.7 would be 10.0.0.7.
    boolean half = DIGITS.matcher(text).matches() && !address.equals(Optional.of(text));
    if (half || (address.isEmpty() && !DNS.matcher(name).matches())) {
      throw new IllegalArgumentException(
          "'%s' is neither a DNS name nor an IP address: give a host as --worker names it, without its port"
              .formatted(text));
    }
    return address.map(known -> new HostName(known, true)).orElse(new HostName(name, false));
  }

  private static Optional<String> address(String text) {
    try {
      return Optional.of(InetAddress.ofLiteral(text).getHostAddress());
    } catch (IllegalArgumentException _) {
      return Optional.empty();
    }
  }

  /** The name for files; an address of IPv6 has colons, which scp takes for a host. */
  public String fileName() {
    return name.replace(':', '_');
  }

  /** With brackets where a port or a path is to follow. */
  public String beforeColon() {
    return name.indexOf(':') < 0 ? name : "[" + name + "]";
  }
}

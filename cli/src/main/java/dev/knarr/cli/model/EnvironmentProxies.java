// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The proxies that the environment names, as most programs understand HTTPS_PROXY, HTTP_PROXY and
 * NO_PROXY: names match themselves and all below them, networks are written as {@code 10.0.0.0/8},
 * and this machine is always reached directly. Immutable.
 */
final class EnvironmentProxies extends ProxySelector {
  private static final int DEFAULT_PORT = 80;

  private final Optional<URI> https;
  private final Optional<URI> http;
  private final List<String> direct;

  private EnvironmentProxies(Optional<URI> https, Optional<URI> http, List<String> direct) {
    this.https = https;
    this.http = http;
    this.direct = direct;
  }

  /**
   * The proxies of an environment; names in lower case count as well.
   *
   * @throws ModelException where one is no address of a proxy
   */
  static EnvironmentProxies of(Map<String, String> environment) {
    return new EnvironmentProxies(
        proxy(environment, "HTTPS_PROXY"),
        proxy(environment, "HTTP_PROXY"),
        Arrays.stream(variable(environment, "NO_PROXY").orElse("").split(","))
            .map(entry -> entry.strip().toLowerCase(Locale.ROOT))
            .filter(entry -> !entry.isEmpty())
            .toList());
  }

  private static Optional<String> variable(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name))
        .or(() -> Optional.ofNullable(environment.get(name.toLowerCase(Locale.ROOT))))
        .map(String::strip)
        .filter(text -> !text.isEmpty());
  }

  private static Optional<URI> proxy(Map<String, String> environment, String name) {
    return variable(environment, name)
        .map(
            text -> {
              try {
                var proxy = URI.create(text.contains("://") ? text : "http://" + text);
                if (proxy.getHost() != null && "http".equalsIgnoreCase(proxy.getScheme())) {
                  return proxy;
                }
              } catch (IllegalArgumentException e) {
                // As bad as one of another kind. Its text may hold a password: it is not shown.
              }
              throw new ModelException(
                  FetchReason.CONFIG_INVALID,
                  "%s is not the address of a proxy: write it as http://host:port."
                      .formatted(name));
            });
  }

  @Override
  public List<Proxy> select(URI uri) {
    var proxy = "https".equalsIgnoreCase(uri.getScheme()) ? https : http;
    return List.of(
        proxy
            .filter(_ -> !isDirect(uri))
            .map(at -> new Proxy(Proxy.Type.HTTP, new InetSocketAddress(at.getHost(), port(at))))
            .orElse(Proxy.NO_PROXY));
  }

  @Override
  public void connectFailed(URI uri, SocketAddress address, IOException e) {
    // The transfer says so, and tries again.
  }

  private static int port(URI proxy) {
    return proxy.getPort() < 0 ? DEFAULT_PORT : proxy.getPort();
  }

  private boolean isDirect(URI uri) {
    var host = uri.getHost().toLowerCase(Locale.ROOT).replaceAll("[\\[\\]]", "");
    var literal = literal(host);
    if (host.equals("localhost") || literal.map(InetAddress::isLoopbackAddress).orElse(false)) {
      return true;
    }
    return direct.stream()
        .anyMatch(
            entry ->
                entry.equals("*")
                    || (entry.contains("/")
                        ? literal.map(address -> inNetwork(address, entry)).orElse(false)
                        : matches(host, uri.getPort(), entry)));
  }

  private static boolean matches(String host, int port, String entry) {
    var name = entry;
    int colon = entry.lastIndexOf(':');
    if (colon > 0 && entry.indexOf(':') == colon) {
      if (!entry.substring(colon + 1).equals(String.valueOf(port))) {
        return false;
      }
      name = entry.substring(0, colon);
    }
    name = name.replaceFirst("^\\*?\\.", "");
    return host.equals(name) || host.endsWith("." + name);
  }

  private static boolean inNetwork(InetAddress address, String network) {
    int slash = network.indexOf('/');
    var base = literal(network.substring(0, slash));
    var prefix = network.substring(slash + 1);
    if (base.isEmpty() || !prefix.matches("\\d{1,3}")) {
      return false;
    }
    byte[] one = address.getAddress();
    byte[] other = base.get().getAddress();
    if (one.length != other.length) {
      return false;
    }
    int bits = Math.min(Integer.parseInt(prefix), one.length * 8);
    for (int bit = 0; bit < bits; bit++) {
      int mask = 0x80 >> bit % 8;
      if ((one[bit / 8] & mask) != (other[bit / 8] & mask)) {
        return false;
      }
    }
    return true;
  }

  /** An address that is written as such; names are not looked up. */
  private static Optional<InetAddress> literal(String host) {
    try {
      return Optional.of(InetAddress.ofLiteral(host));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** Whether any proxy wants a name and a password. */
  boolean haveUsers() {
    return List.of(https, http).stream()
        .flatMap(Optional::stream)
        .anyMatch(proxy -> proxy.getRawUserInfo() != null);
  }

  /** Name and password for a proxy. */
  Optional<PasswordAuthentication> user(String host, int port) {
    return List.of(https, http).stream()
        .flatMap(Optional::stream)
        .filter(proxy -> proxy.getHost().equalsIgnoreCase(host) && port(proxy) == port)
        .flatMap(proxy -> Optional.ofNullable(proxy.getRawUserInfo()).stream())
        .map(
            user -> {
              var parts = user.split(":", 2);
              return new PasswordAuthentication(
                  decoded(parts[0]), decoded(parts.length < 2 ? "" : parts[1]).toCharArray());
            })
        .findFirst();
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
  }
}

// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.local.OptionException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * One side of a comparison, as the command line names it: {@code [NAME=]WHAT}, where WHAT is {@code
 * stock}, {@code knarr} with options of {@code knarr worker} behind it, {@code local}, or addresses
 * of workers that run; {@code 2 stock} is two of them that share a model; with {@code relay},
 * {@code tls} or {@code router} in front, llama-bench reaches the workers as llama-server does
 * under a head. Immutable.
 *
 * @param name how it is called in the result
 * @param way how llama-bench reaches it
 * @param target what is behind it
 */
public record EndpointSpec(String name, Way way, Target target) {
  private static final Pattern RELAYED =
      Pattern.compile("(relay|tls\\s+router|tls|router)\\s+(.*)", Pattern.DOTALL);
  private static final Pattern NAMED =
      Pattern.compile("([A-Za-z0-9][A-Za-z0-9_.-]*)=(.*)", Pattern.DOTALL);
  private static final Pattern SEVERAL =
      Pattern.compile("([1-9]\\d?)\\s+((?:stock|knarr)\\b.*)", Pattern.DOTALL);
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]*");
  private static final Pattern ADDRESS =
      Pattern.compile("(\\[[0-9A-Fa-f:.%]+]|[^:@\\s]+):(\\d{1,5})(?:@(\\d{1,5}))?");

  /** How llama-bench reaches a side. */
  public enum Way {
    /** By its own connections. */
    DIRECT,
    /** Through a relay of the head in front of each worker. */
    RELAY,
    /** Through such relays, which speak TLS to the workers. */
    TLS,
    /** Through a router of the head, which makes all of them one. */
    ROUTER,
    /** Through such a router, which speaks TLS to the workers. */
    TLS_ROUTER;

    private static Way of(String words) {
      return valueOf(words.toUpperCase(Locale.ROOT).replaceAll("\\s+", "_"));
    }

    boolean routed() {
      return this == ROUTER || this == TLS_ROUTER;
    }

    /** Whether the workers have to speak TLS. */
    public boolean secured() {
      return this == TLS || this == TLS_ROUTER;
    }
  }

  /** What computes. */
  public sealed interface Target {}

  /** llama-bench alone, on a device of this machine. */
  public record Local() implements Target {}

  /**
   * Stock ggml-rpc-servers that are started here.
   *
   * @param count how many share the model
   */
  public record Stock(int count) implements Target {}

  /**
   * Workers of ours that are started here.
   *
   * @param count how many share the model
   * @param options more options of {@code knarr worker}
   */
  public record Knarr(int count, List<String> options) implements Target {}

  /** Workers that run already, here or elsewhere. */
  public record Running(List<Address> workers) implements Target {}

  /**
   * A worker that runs.
   *
   * @param host its name or address
   * @param port its RPC port
   * @param metricsPort of its {@code /metrics}, where it has one
   */
  public record Address(String host, int port, OptionalInt metricsPort) {
    /** As llama.cpp writes it. */
    public String rpc() {
      return host + ":" + port;
    }

    /** Reads {@code HOST:PORT} or {@code HOST:PORT@METRICS}. */
    static Address parse(String text) {
      var matcher = ADDRESS.matcher(text.strip());
      if (!matcher.matches()) {
        throw new OptionException("'%s' is no address: write HOST:PORT.".formatted(text));
      }
      var metrics = matcher.group(3);
      return new Address(
          matcher.group(1),
          portNumber(text, matcher.group(2)),
          metrics == null ? OptionalInt.empty() : OptionalInt.of(portNumber(text, metrics)));
    }
  }

  /**
   * Reads one endpoint.
   *
   * @throws OptionException where it is none; the message shows the forms there are
   */
  public static EndpointSpec parse(String text) {
    var named = NAMED.matcher(text.strip());
    var described = named.matches() ? named.group(2).strip() : text.strip();
    var relay = RELAYED.matcher(described);
    var way = relay.matches() ? Way.of(relay.group(1)) : Way.DIRECT;
    var target = target(text, way == Way.DIRECT ? described : relay.group(2));
    if (way != Way.DIRECT && target instanceof Local) {
      throw new OptionException(
          "'%s': local has no worker, so there is nothing to relay.".formatted(text.strip()));
    }
    return new EndpointSpec(named.matches() ? named.group(1) : nameOf(target), way, target);
  }

  private static String nameOf(Target target) {
    return switch (target) {
      case Local _ -> "local";
      case Stock(int count) -> several("stock", count);
      case Knarr(int count, _) -> several("knarr", count);
      case Running running -> running.workers().getFirst().rpc();
    };
  }

  private static String several(String name, int count) {
    return count == 1 ? name : name + "-" + count;
  }

  /** Reads several of them with commas in between; addresses there stand alone. */
  public static List<EndpointSpec> parseList(String text) {
    return Arrays.stream(text.split(",", -1)).map(EndpointSpec::parse).toList();
  }

  private static Target target(String whole, String what) {
    var several = SEVERAL.matcher(what);
    int count = several.matches() ? Integer.parseInt(several.group(1)) : 1;
    var words = (several.matches() ? several.group(2) : what).split("\\s+", -1);
    return switch (words[0]) {
      case "local" -> alone(whole, words, new Local());
      case "stock" -> alone(whole, words, new Stock(count));
      case "knarr" -> new Knarr(count, List.of(words).subList(1, words.length));
      default ->
          new Running(
              Arrays.stream(what.split(",", -1)).map(part -> address(whole, part)).toList());
    };
  }

  private static Address address(String whole, String part) {
    if (!ADDRESS.matcher(part.strip()).matches()) {
      throw new OptionException(
          "'%s' is no endpoint. Write stock, knarr, local or HOST:PORT; with a name in front to tell two of a kind apart, such as old=HOST:PORT or 'four=knarr --threads 4'."
              .formatted(whole.strip()));
    }
    return Address.parse(part);
  }

  private static int portNumber(String text, String digits) {
    int port = Integer.parseInt(digits);
    if (port < 1 || port > 65535) {
      throw new OptionException("'%s': a port is 1 to 65535.".formatted(text.strip()));
    }
    return port;
  }

  private static Target alone(String whole, String[] words, Target target) {
    if (words.length > 1) {
      throw new OptionException(
          "'%s': only knarr takes options behind it.".formatted(whole.strip()));
    }
    return target;
  }

  /** Names also become names of files. */
  public EndpointSpec {
    if (!(target instanceof Running) && !NAME.matcher(name).matches()) {
      throw new OptionException(
          "'%s' is no name of an endpoint: letters, digits, '.', '_' and '-'.".formatted(name));
    }
  }
}

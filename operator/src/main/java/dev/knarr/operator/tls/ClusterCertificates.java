// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.tls;

import dev.knarr.certs.Authority;
import dev.knarr.certs.Leaf;
import dev.knarr.certs.Pem;
import dev.knarr.certs.PemException;
import dev.knarr.operator.ClusterNames;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What the two Secrets of a cluster are to hold: a CA, a certificate for the head and one for each
 * group of workers, none of which is ever shown to a pod that does not know its CA yet. Made for
 * one look by one thread.
 *
 * <p>The Secret of the CA holds the CA that signs and, before its turn, the next one. The other
 * holds the CAs that pods trust ({@code ca.crt}) and what they show. A new CA is trusted first; it
 * signs when every pod has had the time to read that; an old one is trusted until the same time has
 * passed after the last leaf of it was replaced. All times are in the certificates themselves, so
 * nothing else has to be kept: the Secret of the pods must be written before the CA's.
 */
public final class ClusterCertificates {
  private static final String HEAD = "head";
  private static final String CURRENT = "ca";
  private static final String NEXT = "next";

  private final ClusterNames names;
  private final Lifetimes lifetimes;
  private final Instant now;
  private final List<X509Certificate> trustedBefore;
  private final List<String> changes = new ArrayList<>();
  private final Entry current;
  private final Optional<Entry> next;

  private ClusterCertificates(ClusterNames names, Data before, Lifetimes lifetimes, Instant now) {
    this.names = names;
    this.lifetimes = lifetimes;
    this.now = now;
    this.trustedBefore = bundle(before.certificates);
    var held = authority(before, CURRENT);
    var following = authority(before, NEXT);
    if (following.isPresent() && (held.isEmpty() || isKnown(following.get()))) {
      held = following;
      following = Optional.empty();
      changes.add("The next CA signs from now on");
    }
    this.current = held.orElseGet(() -> newAuthority("A CA was made"));
    this.next =
        following.isEmpty() && !now.isBefore(lifetimes.dueAuthority(current))
            ? Optional.of(newAuthority("The next CA was made and is trusted; it does not sign yet"))
            : following;
  }

  /**
   * The data of both Secrets, as text.
   *
   * @param authority {@code ca.crt}, {@code ca.key} and, for a while, {@code next.crt}, {@code
   *     next.key}; no pod mounts it
   * @param certificates {@code ca.crt}, and {@code PART.crt}, {@code PART.key} for the head and
   *     each group
   */
  public record Data(Map<String, String> authority, Map<String, String> certificates) {
    /** For a cluster that is new. */
    public static final Data NONE = new Data(Map.of(), Map.of());

    /** Copies the maps, in the order of their keys. */
    public Data {
      authority = new TreeMap<>(authority);
      certificates = new TreeMap<>(certificates);
    }

    @Override
    public String toString() {
      return "authority %s, certificates %s".formatted(authority.keySet(), certificates.keySet());
    }
  }

  /**
   * What is to be.
   *
   * @param data equal to that of before when there is nothing to do
   * @param due when to look again, after now
   * @param changes what is new and why, for the log; empty when nothing is
   */
  public record Desired(Data data, Instant due, List<String> changes) {}

  /**
   * Looks at what is there and says what is to be.
   *
   * @param groups names of the groups of workers, neither {@code ca} nor {@code head}
   * @param before what the Secrets hold; anything damaged is as good as missing
   * @throws IllegalArgumentException when a group has the name of another entry
   */
  public static Desired desired(
      ClusterNames names, List<String> groups, Data before, Lifetimes lifetimes, Instant now) {
    if (groups.contains(CURRENT) || groups.contains(HEAD)) {
      throw new IllegalArgumentException(
          "A group cannot be called %s or %s: entries of these names are the CA's and the head's."
              .formatted(CURRENT, HEAD));
    }
    return new ClusterCertificates(names, before, lifetimes, now).desired(groups, before);
  }

  private Desired desired(List<String> groups, Data before) {
    var leaves = new LinkedHashMap<String, Entry>();
    leaves.put(HEAD, leaf(HEAD, before));
    groups.forEach(group -> leaves.put(group, leaf(group, before)));
    var trusted = trusted(leaves.values().stream().toList());

    var certificates = new TreeMap<String, String>();
    certificates.put(ClusterNames.CA_CERTIFICATE, Pem.bundle(trusted));
    leaves.forEach((part, leaf) -> leaf.writeTo(certificates, part));
    var authority = new TreeMap<String, String>();
    current.writeTo(authority, CURRENT);
    next.ifPresent(entry -> entry.writeTo(authority, NEXT));
    return new Desired(
        new Data(authority, certificates), due(leaves.values().stream().toList()), changes);
  }

  private Optional<Entry> authority(Data before, String name) {
    return Entry.read(before.authority, name)
        .filter(held -> held.certificate().getBasicConstraints() >= 0)
        .filter(held -> now.isBefore(held.expires()));
  }

  private Entry newAuthority(String change) {
    changes.add(change);
    return Entry.of(
        Authority.make("Knarr CA of " + names.cluster(), now, lifetimes.authority()).own());
  }

  /** Whether all pods have had the time to read that this is trusted, or shown. */
  private boolean isKnown(Entry entry) {
    return !now.isBefore(known(entry));
  }

  private Instant known(Entry entry) {
    // Certificates count whole seconds, so this one may be almost one younger than it says.
    return entry.made().plusSeconds(1).plus(lifetimes.propagation());
  }

  private static List<X509Certificate> bundle(Map<String, String> certificates) {
    try {
      return Pem.certificates(certificates.getOrDefault(ClusterNames.CA_CERTIFICATE, ""));
    } catch (PemException _) {
      return List.of();
    }
  }

  private Entry leaf(String part, Data before) {
    var dnsNames = part.equals(HEAD) ? List.<String>of() : names.workerHosts(part);
    var held = Entry.read(before.certificates, part);
    var why = held.isEmpty() ? Optional.of("there was none") : whyAnew(held.get(), dnsNames);
    if (held.isPresent() && why.isEmpty()) {
      return held.get();
    }
    changes.add("The certificate of %s was made: %s".formatted(part, why.orElseThrow()));
    var name = names.group(part);
    var leaf =
        part.equals(HEAD)
            ? Leaf.ofClient(name, lifetimes.leaf())
            : Leaf.ofPeer(name, dnsNames, List.of(), lifetimes.leaf());
    return Entry.of(Authority.of(current.parsed()).issue(leaf, now));
  }

  private Optional<String> whyAnew(Entry leaf, List<String> dnsNames) {
    if (!now.isBefore(leaf.expires())) {
      return Optional.of("the one before has expired");
    }
    if (!leaf.isFor(dnsNames)) {
      return Optional.of("its names have changed");
    }
    boolean ofCurrent = leaf.isSignedBy(current.certificate());
    if (!ofCurrent && trustedBefore.stream().noneMatch(leaf::isSignedBy)) {
      return Optional.of("nobody trusts the CA of the one before");
    }
    if (!isKnown(current)) {
      return Optional.empty();
    }
    if (!ofCurrent) {
      return Optional.of("its CA was followed by the next");
    }
    return now.isBefore(lifetimes.due(leaf)) ? Optional.empty() : Optional.of("it is renewed");
  }

  /** Those that sign, and those of before whose leaves a pod may still show. */
  private List<X509Certificate> trusted(List<Entry> leaves) {
    var trusted = new ArrayList<X509Certificate>();
    trusted.add(current.certificate());
    next.ifPresent(entry -> trusted.add(entry.certificate()));
    boolean allShown = leaves.stream().allMatch(this::isKnown);
    for (var authority : trustedBefore) {
      if (!trusted.contains(authority)) {
        if (!allShown || leaves.stream().anyMatch(leaf -> leaf.isSignedBy(authority))) {
          trusted.add(authority);
        } else {
          changes.add("An old CA is not trusted any more");
        }
      }
    }
    return trusted;
  }

  private Instant due(List<Entry> leaves) {
    var times = new ArrayList<Instant>();
    times.add(known(current));
    times.add(next.map(this::known).orElse(lifetimes.dueAuthority(current)));
    for (var leaf : leaves) {
      times.add(known(leaf));
      times.add(lifetimes.due(leaf));
      times.add(leaf.expires());
    }
    return times.stream().filter(now::isBefore).min(Instant::compareTo).orElseThrow();
  }
}

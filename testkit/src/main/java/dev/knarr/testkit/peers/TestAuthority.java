// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import dev.knarr.certs.Authority;
import dev.knarr.certs.KeyedCertificate;
import dev.knarr.certs.Leaf;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * A CA for tests. All files lie in one folder: {@code NAME.pem}, {@code NAME.key} and the CA's own.
 * One thread.
 */
public final class TestAuthority {
  /** How long certificates live that are asked for without a word about it. */
  public static final Duration LIFE = Duration.ofDays(20);

  private final Path folder;
  private final Authority authority;
  private final Issued own;

  private TestAuthority(Path folder, String name) {
    this.folder = folder;
    this.authority = Authority.make(name, Instant.now(), Duration.ofDays(30));
    this.own = write(name, authority.own());
  }

  /** What a peer shows and proves. */
  public record Issued(Path certificate, Path key) {}

  /** A CA whose certificate is the file {@code NAME.pem}. */
  public static TestAuthority make(Path folder, String name) {
    return new TestAuthority(folder, name);
  }

  /** The CA's certificate. */
  public Path certificate() {
    return own.certificate();
  }

  /** A certificate for this machine, for servers and clients, that is valid now. */
  public Issued issue(String owner) {
    return issue(local(owner, LIFE));
  }

  /** The same for a key that is brought along. */
  public Issued issue(String owner, KeyPair keys) {
    return write(owner, authority.issue(local(owner, LIFE), keys, Instant.now()));
  }

  /** A certificate that says what the leaf says; its files have the common name. */
  public Issued issue(Leaf leaf) {
    return write(leaf.commonName(), authority.issue(leaf, Instant.now()));
  }

  /** A certificate for this machine that ended days ago. */
  public Issued issueExpired(String owner) {
    var made = Instant.now().minus(Duration.ofDays(10));
    return write(owner, authority.issue(local(owner, Duration.ofDays(5)), made));
  }

  private static Leaf local(String owner, Duration life) {
    return Leaf.ofPeer(owner, List.of("localhost"), List.of("127.0.0.1"), life);
  }

  private Issued write(String name, KeyedCertificate made) {
    try {
      return new Issued(
          Files.writeString(folder.resolve(name + ".pem"), made.certificatePem()),
          Files.writeString(folder.resolve(name + ".key"), made.keyPem()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

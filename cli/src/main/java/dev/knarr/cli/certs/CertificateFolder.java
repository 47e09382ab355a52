// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.certs;

import dev.knarr.certs.Authority;
import dev.knarr.certs.KeyedCertificate;
import dev.knarr.certs.Leaf;
import dev.knarr.certs.PemException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * A folder with a CA, a certificate for each worker's host and one for the head. Keys are of EC
 * P-256 and are made once; certificates are renewed whenever they are asked for. One thread.
 */
public final class CertificateFolder {
  private static final Duration AUTHORITY_LIFE = Duration.ofDays(3650);
  private static final Duration LIFE = Duration.ofDays(397);

  private static final String AUTHORITY = "ca";
  private static final String HEAD = "head";

  private final Path folder;
  private final Clock clock;

  private CertificateFolder(Path folder, Clock clock) {
    this.folder = folder;
    this.clock = clock;
  }

  /**
   * What is in the folder for one party.
   *
   * @param certificate the file to show to others
   * @param key the file that never leaves its machine
   * @param expires when the certificate ends
   */
  public record Party(Path certificate, Path key, Instant expires) {}

  /**
   * What was made.
   *
   * @param authority the CA's certificate and key
   * @param head for {@code knarr up}
   * @param workers in the order of the hosts
   * @param newAuthority whether the CA is new, or was there before
   */
  public record Made(Party authority, Party head, List<Party> workers, boolean newAuthority) {}

  /**
   * Makes or renews the certificates of these hosts and of the head; the CA is made when there is
   * none.
   *
   * @param folder made when it is not there
   * @throws CertificateException when a file is in the way or cannot be written, or the CA has no
   *     time left
   */
  public static Made issue(Path folder, List<HostName> hosts, Clock clock) {
    for (var host : hosts) {
      if (host.fileName().equals(AUTHORITY) || host.fileName().equals(HEAD)) {
        throw new CertificateException(
            "A host cannot be called %s here: files of this name are the CA's and the head's. Use its address."
                .formatted(host.name()));
      }
    }
    return new CertificateFolder(folder, clock).issue(hosts);
  }

  private Made issue(List<HostName> hosts) {
    try {
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (IOException e) {
      throw new CertificateException("%s cannot be made: %s.".formatted(folder, e), e);
    }
    boolean newAuthority = !Files.exists(certificateFile(AUTHORITY));
    var authority = newAuthority ? newAuthority() : authority();
    var head = issue(HEAD, Leaf.ofClient("Knarr head", LIFE), authority);
    var workers = new ArrayList<Party>();
    for (var host : hosts) {
      workers.add(issue(host.fileName(), leaf(host), authority));
    }
    return new Made(party(AUTHORITY, authority.own()), head, List.copyOf(workers), newAuthority);
  }

  private Authority authority() {
    var file = certificateFile(AUTHORITY);
    var own = before(AUTHORITY);
    if (own.expires().isBefore(clock.instant().plus(LIFE))) {
      throw new CertificateException(
          "The CA in %s ends at %s, before what it would sign. Move the folder away and make all certificates anew; --tls-ca and --tls-client-ca may hold both CAs, one after the other, meanwhile."
              .formatted(file, own.expires()));
    }
    try {
      return Authority.of(own);
    } catch (PemException e) {
      throw new CertificateException(
          "%s %s. Move it away, and run this again.".formatted(file, e.getMessage()), e);
    }
  }

  private Authority newAuthority() {
    var made = Authority.make("Knarr CA", clock.instant(), AUTHORITY_LIFE);
    KeyFiles.writeKey(keyFile(AUTHORITY), made.own().key());
    KeyFiles.writeCertificate(certificateFile(AUTHORITY), made.certificate());
    return made;
  }

  /** A worker is a client, too: of the other worker that holds the other half of each tensor. */
  private static Leaf leaf(HostName host) {
    var names = List.of(host.name());
    return Leaf.ofPeer(
        host.name(),
        host.isAddress() ? List.of() : names,
        host.isAddress() ? names : List.of(),
        LIFE);
  }

  private Party issue(String file, Leaf leaf, Authority authority) {
    KeyedCertificate issued;
    if (Files.exists(certificateFile(file)) && Files.exists(keyFile(file))) {
      // The keys of before may be on other machines already.
      issued = authority.issue(leaf, before(file).keys(), clock.instant());
    } else {
      issued = authority.issue(leaf, clock.instant());
      KeyFiles.writeKey(keyFile(file), issued.key());
    }
    KeyFiles.writeCertificate(certificateFile(file), issued.certificate());
    return party(file, issued);
  }

  private KeyedCertificate before(String name) {
    return new KeyedCertificate(
        KeyFiles.readCertificate(certificateFile(name)), KeyFiles.readKey(keyFile(name)));
  }

  private Party party(String file, KeyedCertificate known) {
    return new Party(certificateFile(file), keyFile(file), known.expires());
  }

  private Path certificateFile(String name) {
    return folder.resolve(name + ".pem");
  }

  private Path keyFile(String name) {
    return folder.resolve(name + ".key");
  }
}

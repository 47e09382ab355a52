// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * A CA of the JDK's keytool, for certificates as people bring them. One thread.
 *
 * <p>All files lie in one folder: {@code NAME.pem}, {@code NAME.key} and the CA's own.
 */
public final class TestAuthority {
  private static final String PASSWORD = "changeit";

  private final Path folder;
  private final String name;
  private final Path store;

  private TestAuthority(Path folder, String name) {
    this.folder = folder;
    this.name = name;
    this.store = folder.resolve(name + ".p12");
  }

  /** What a peer shows and proves. */
  public record Issued(Path certificate, Path key) {}

  /** A CA whose certificate is the file {@code NAME.pem}. */
  public static TestAuthority make(Path folder, String name) {
    var authority = new TestAuthority(folder, name);
    authority.generate(name, List.of("-ext", "bc:critical=ca:true", "-validity", "30"));
    authority.write(name);
    return authority;
  }

  /** The CA's certificate. */
  public Path certificate() {
    return folder.resolve(name + ".pem");
  }

  /** A certificate for this machine that is valid now. */
  public Issued issue(String owner, String... more) {
    var options = new ArrayList<>(List.of("-signer", name));
    options.addAll(List.of("-ext", "san=ip:127.0.0.1,dns:localhost"));
    options.addAll(List.of(more));
    if (!options.contains("-validity")) {
      options.addAll(List.of("-validity", "20"));
    }
    generate(owner, options);
    return write(owner);
  }

  private void generate(String alias, List<String> options) {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of("-genkeypair", "-alias", alias, "-dname", "CN=" + alias));
    command.addAll(List.of("-keystore", store.toString(), "-storepass", PASSWORD));
    if (!options.contains("-keyalg")) {
      command.addAll(List.of("-keyalg", "EC", "-groupname", "secp256r1"));
    }
    command.addAll(options);
    try {
      var process = new ProcessBuilder(command).redirectErrorStream(true).start();
      var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
        throw new IllegalStateException(command + " failed: " + output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while keytool ran", e);
    }
  }

  private Issued write(String alias) {
    try {
      var keys = KeyStore.getInstance(store.toFile(), PASSWORD.toCharArray());
      Key key = Objects.requireNonNull(keys.getKey(alias, PASSWORD.toCharArray()));
      var certificate = folder.resolve(alias + ".pem");
      var keyFile = folder.resolve(alias + ".key");
      Files.writeString(certificate, pem("CERTIFICATE", keys.getCertificate(alias).getEncoded()));
      Files.writeString(keyFile, pem("PRIVATE KEY", key.getEncoded()));
      return new Issued(certificate, keyFile);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("keytool's store cannot be read", e);
    }
  }

  private static String pem(String label, byte[] content) {
    var base64 = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content);
    return "-----BEGIN %s-----%n%s%n-----END %1$s-----%n".formatted(label, base64);
  }
}

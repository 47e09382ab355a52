// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

/** Where things are in the containers. */
public final class PodPaths {
  /** The program in our own images. */
  public static final String KNARR = "/opt/knarr/bin/knarr";

  /** Where the head's pod gets the program, whatever image it runs. */
  public static final String INSTALLED = "/knarr";

  /** The program in the head's pod. */
  public static final String INSTALLED_KNARR = INSTALLED + "/bin/knarr";

  /** The folder of the head's configuration. */
  public static final String HEAD_CONFIG = "/etc/knarr/head";

  /** The folder of what is to be fetched. */
  public static final String FETCH_CONFIG = "/etc/knarr/model";

  /** The folder of further authorities to trust when a model is fetched. */
  public static final String CA_BUNDLE = "/etc/knarr/ca-bundle";

  /** The folder of the certificates: {@code tls.crt}, {@code tls.key} and {@code ca.crt}. */
  public static final String TLS = "/etc/knarr/tls";

  /** The folder of the API keys. */
  public static final String API_KEY = "/etc/knarr/api-key";

  /** Fetched models. */
  public static final String STORE = "/models/store";

  /** A worker's tensor cache. */
  public static final String CACHE = "/cache";

  /** HOME and TMPDIR. */
  public static final String TMP = "/tmp";

  private PodPaths() {}

  /**
   * Where a volume that holds a model already is mounted; the file is model, draft or projector.
   */
  public static String model(String file) {
    return "/models/" + file;
  }

  /** The folder of the Hugging Face token for one of these files; the token is {@code token}. */
  public static String token(String file) {
    return "/etc/knarr/fetch/" + file + "/token";
  }

  /**
   * The folder of headers for the web server of one of these files; a file's name is a header's.
   */
  public static String headers(String file) {
    return "/etc/knarr/fetch/" + file + "/headers";
  }
}

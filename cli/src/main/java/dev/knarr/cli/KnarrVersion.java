// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import picocli.CommandLine.IVersionProvider;

/** The version of this build, from the manifest of its jar. */
final class KnarrVersion implements IVersionProvider {
  KnarrVersion() {}

  @Override
  public String[] getVersion() {
    var version = KnarrVersion.class.getPackage().getImplementationVersion();
    return new String[] {"knarr " + (version == null ? "(not packaged)" : version)};
  }
}

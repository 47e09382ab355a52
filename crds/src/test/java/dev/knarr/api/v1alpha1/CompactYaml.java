// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Map;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.representer.StandardRepresenter;

/**
 * YAML with small maps on one line: in a schema of twenty levels more than half of the bytes would
 * be indentation.
 */
final class CompactYaml extends StandardRepresenter {
  private static final int LONGEST_LINE = 600;
  private static final ObjectMapper JSON = new ObjectMapper();

  private CompactYaml(DumpSettings settings) {
    super(settings);
  }

  static String of(Object value) {
    var settings =
        DumpSettings.builder()
            .setDefaultFlowStyle(FlowStyle.BLOCK)
            .setWidth(Integer.MAX_VALUE)
            .build();
    var tree = JSON.convertValue(value, LinkedHashMap.class);
    return new Dump(settings, new CompactYaml(settings)).dumpToString(tree);
  }

  @Override
  protected Node representMapping(Tag tag, Map<?, ?> mapping, FlowStyle flowStyle) {
    int length = JSON.valueToTree(mapping).toString().length();
    return super.representMapping(
        tag, mapping, length <= LONGEST_LINE ? FlowStyle.FLOW : FlowStyle.BLOCK);
  }
}
